#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "ppo/convention.h"
#include "ppo/kl_controller.h"
#include "ppo/reward_shaping.h"
#include "train/training_options.h"

namespace rlhf {

/// Everything that decides the bits of a PPO run, beside models and prompts. A step is one iteration: a
/// rollout batch and all updates on it.
struct PpoOptions {
  // Rollouts.
  int64_t rollout_batch_size = 64;  ///< prompts an iteration
  int32_t samples_per_prompt = 1;
  int32_t response_length = 53;           ///< tokens at most, the end-of-sequence token included
  double temperature = 1.0;               ///< above 0; of sampling and of every log-probability
  int64_t rollout_unit_size = 16;         ///< prompts of one lease
  int32_t generation_threads = 1;         ///< threads that compute a unit, wherever
  std::string rollout_dtype = "float32";  ///< of the policy while sampling
  int64_t max_staleness = 0;              ///< iterations by which the sampling weights may lag behind

  // Arithmetic.
  Convention convention;
  RewardOptions rewards;
  KlControllerOptions kl;

  // Updates.
  int64_t num_ppo_epochs = 4;
  int64_t num_mini_batches = 1;                ///< optimizer steps an epoch
  std::optional<double> max_approx_kl;         ///< nats a token: above it the iteration's updates end
  std::optional<double> critic_learning_rate;  ///< not set: that of the policy
  int64_t logged_samples = 4;                  ///< responses shown with every logged row

  /// Batch size of a forward pass (in responses), schedule over iterations, AdamW, clipping, cadence, seed;
  /// num_train_epochs counts passes over the prompts. Dropout and accumulation have no place in PPO.
  TrainingOptions training;

  int64_t responses() const { return rollout_batch_size * samples_per_prompt; }  ///< B
  /// UserError naming the flag whose value makes no sense.
  void check() const;
};

}  // namespace rlhf
