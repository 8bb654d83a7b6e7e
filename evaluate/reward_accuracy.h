#pragma once
#include <vector>

#include "contract/ranking.h"
#include "evaluate/bootstrap.h"

namespace rlhf {

struct RewardAccuracy {
  Estimate
      accuracy;  ///< share of untied pairs that the scores order as people did; equal scores count one half
  int64_t pairs = 0;    ///< untied
  int64_t prompts = 0;  ///< clusters of the bootstrap
};

/// `scores[i]` are the scores of rankings[i].responses. Rankings of equal prompts are one cluster.
RewardAccuracy reward_accuracy(const std::vector<Ranking>& rankings,
                               const std::vector<std::vector<double>>& scores);

}  // namespace rlhf
