#pragma once
#include "ppo/experience.h"
#include "ppo/networks.h"
#include "train/collective.h"

namespace rlhf {

struct ExperienceOptions {
  double temperature = 1.0;      ///< of every log-probability
  int64_t micro_batch_size = 8;  ///< responses in one forward pass
  int64_t policy_version = 0;    ///< of the weights that learn now
};

/// Reads trajectories with the three networks, each process its share, and gives all of it to all. The
/// behaviour log-probabilities are recomputed with the training forward where the trajectory's weights are
/// those that learn now, so that the first ratio is 1; else they are the sampler's. float64 where a network
/// is float64, else float32; on the policy's device.
Experience make_experience(const PpoNetworks& networks, const TrajectoryView& trajectories,
                           const Convention& convention, const ExperienceOptions& options,
                           Collective& collective);

/// Largest and mean |sampler's l - learner's l| over tokens sampled with the weights that learn now; zeros
/// without any.
struct LogprobGap {
  double mean = 0;
  double max = 0;
};
LogprobGap logprob_gap(const TrajectoryView& trajectories, const Experience& experience,
                       int64_t policy_version);

}  // namespace rlhf
