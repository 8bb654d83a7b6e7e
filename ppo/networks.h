#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "contract/trajectory.h"
#include "model/heads.h"
#include "model/model_folder.h"
#include "train/segments.h"

namespace rlhf {

/// The networks of a PPO run. The reference computes in the policy's dtype with the policy's kernels, so that
/// their KL is 0 while their weights are equal.
struct PpoNetworks {
  LanguageModel& policy;           ///< requires gradients
  const LanguageModel& reference;  ///< frozen
  ScalarModel& critic;             ///< requires gradients
  RewardNormalizer
      normalizer;  ///< of the critic's output: V = (raw - mean) / std, as of the reward model it was
};

using TrajectoryView = std::vector<const Trajectory*>;

/// The borders of the responses of `trajectories`.
Segments response_segments(const TrajectoryView& trajectories);

/// Log-probabilities at `temperature` of the N response tokens, packed; with entropies when `statistics` is
/// set. Keeps a graph where gradients are on.
TokenLogprobs response_logprobs(const LanguageModel& model, const TrajectoryView& trajectories,
                                double temperature, bool statistics = false);

/// Values of the M slots, packed: slot t of a response is read at the position before its token t; one slot
/// more than there are tokens reads the last token itself.
torch::Tensor response_values(const ScalarModel& critic, const RewardNormalizer& normalizer,
                              const TrajectoryView& trajectories, const Segments& value_slots);

}  // namespace rlhf
