#pragma once
#include <cstdint>
#include <vector>

#include "evaluate/bootstrap.h"
#include "evaluate/scored_pairs.h"

namespace rlhf {

struct RewardAccuracy {
  Estimate
      accuracy;  ///< share of untied pairs that the scores order as people did; equal scores count one half
  int64_t pairs = 0;
  int64_t prompts = 0;  ///< clusters of the bootstrap
};

/// Pairs of one cluster are drawn together. No pair: all is 0.
RewardAccuracy reward_accuracy(const std::vector<ScoredPair>& pairs);

}  // namespace rlhf
