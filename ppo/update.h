#pragma once
#include <optional>

#include "ppo/experience.h"
#include "ppo/loss.h"
#include "ppo/networks.h"
#include "train/collective.h"
#include "train/optimizer_step.h"

namespace rlhf {

struct UpdateOptions {
  int64_t num_ppo_epochs = 4;
  int64_t num_mini_batches = 1;
  int64_t micro_batch_size = 8;  ///< responses held at once; changes nothing but memory
  double temperature = 1.0;
  std::optional<double> max_approx_kl;
  uint64_t seed = 0;
};

/// The two optimizers and this iteration's learning rates.
struct PpoOptimizers {
  OptimizerStep& policy;
  OptimizerStep& critic;
  double policy_rate = 0;
  double critic_rate = 0;
};

/// Sums over the optimizer steps of an iteration of each minibatch's means; mean() divides.
struct UpdateReport {
  int64_t steps = 0;
  double epochs = 0;  ///< PPO epochs run; a fraction when approx_kl stopped them
  double policy_loss = 0, clip_fraction = 0, approx_kl = 0, entropy = 0, ratio = 0, ratio_variance = 0;
  double value_loss = 0, value_clip_fraction = 0;
  double policy_grad_norm = 0, critic_grad_norm = 0;
  double first_ratio_gap = 0;  ///< largest |ratio - 1| of the first minibatch, before any update

  double mean(double UpdateReport::*sum) const {
    return steps > 0 ? this->*sum / static_cast<double>(steps) : 0;
  }
};

/// The updates of iteration `iteration`: epochs over all responses, each in minibatches drawn anew from
/// (seed, iteration, epoch). A minibatch is spread over the processes and cut into micro-batches, and is one
/// step of both optimizers. When the policy has moved further than max_approx_kl, the minibatch that shows it
/// is not learnt from and the iteration's updates end.
UpdateReport update_networks(const PpoNetworks& networks, const PpoOptimizers& optimizers,
                             const TrajectoryView& trajectories, const Experience& experience,
                             const Advantages& advantages, const Convention& convention,
                             const UpdateOptions& options, int64_t iteration, Collective& collective);

}  // namespace rlhf
