#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contract/prompt.h"
#include "contract/sampling_options.h"

namespace rlhf {

/// Name under which a learner serves the policy its units are to be sampled with.
inline constexpr char kPolicyModel[] = "policy";

/// A reward model as a learner serves it: weights that a unit is to be scored with.
struct ServedRewardModel {
  std::string name;
  std::string hash;  ///< model hash
  bool operator==(const ServedRewardModel&) const = default;
};

/// The prompts of one lease: the unit of work of rollouts. A unit fixes everything that decides the sampled
/// bits, so whoever computes it, in-process or a worker far away, returns the same trajectories.
struct RolloutUnit {
  int64_t iteration = 0;
  int32_t unit_index = 0;         ///< place in the iteration; units are collected in this order
  int32_t first_prompt_slot = 0;  ///< Trajectory::prompt_slot of prompts[0]
  std::vector<TokenizedPrompt> prompts;
  int32_t samples_per_prompt = 1;
  SamplingOptions sampling;
  uint64_t seed = 0;  ///< of the run; draws are keyed by (seed, iteration, slot, sample, position)
  int32_t generation_threads = 1;  ///< threads that compute the unit
  std::string dtype = "float32";   ///< of the policy while sampling
  int64_t policy_version = 0;      ///< weights to sample with
  std::string policy_hash;
  std::vector<ServedRewardModel> reward_models;  ///< score together, in this order; empty when in-process
};

}  // namespace rlhf
