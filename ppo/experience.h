#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "ppo/convention.h"
#include "train/segments.h"

namespace rlhf {

/// What the learner knows of B responses before it shapes rewards: complete once made. Letters: N response
/// tokens in all, M value slots in all. A value slot is a place with a reward and a value: one a token, read
/// at the position that predicts the token; a convention may add one after the last token, and then M > N.
/// Tensors are packed, detached, of one float dtype and on one device.
struct Experience {
  Segments tokens;                   ///< B sequences over N
  Segments value_slots;              ///< B sequences over M; equal to `tokens` but for such a convention
  torch::Tensor logprobs;            ///< [N] l_t: under the behaviour policy at the sampling temperature
  torch::Tensor reference_logprobs;  ///< [N] f_t: under the reference at the same temperature
  torch::Tensor values;         ///< [M] V_t under the critic that was current when the responses were made
  torch::Tensor scores;         ///< [B] as the reward model gave them, normalised
  torch::Tensor score_spreads;  ///< [B] over the members of an ensemble; 0 for one model
  std::vector<bool> finished;   ///< [B] an end-of-sequence token was sampled

  /// Throws std::invalid_argument when shapes disagree.
  void check() const;
};

/// Per-slot rewards and what they were made of.
struct TokenRewards {
  torch::Tensor rewards;           ///< [M] r_t
  torch::Tensor kl;                ///< [N] the estimate that was penalised, nats
  torch::Tensor effective_scores;  ///< [B] the score after penalty and rules of RewardOptions
};

/// Advantages and value targets.
struct Advantages {
  torch::Tensor raw;       ///< [N] A_t before whitening
  torch::Tensor whitened;  ///< [N] what the policy loss sees
  torch::Tensor returns;   ///< [M] A_t + V_t before whitening: what the critic is fitted to
};

/// The value slots of responses: their tokens, and under a convention that scores after the last token one
/// more for every response shorter than `longest`, the longest response of the global batch.
Segments value_slots_of(const Segments& tokens, const Convention& convention, int64_t longest);

/// [N] int64: the value slot of each token.
torch::Tensor slots_of_tokens(const Segments& tokens, const Segments& value_slots,
                              torch::Device device = torch::kCPU);

}  // namespace rlhf
