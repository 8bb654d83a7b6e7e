#include "evaluate/reward_accuracy.h"

#include "evaluate/cluster_sums.h"

namespace rlhf {

RewardAccuracy reward_accuracy(const std::vector<ScoredPair>& pairs) {
  RewardAccuracy result;
  if (pairs.empty()) return result;
  ClusterSums sums;
  for (const ScoredPair& pair : pairs) sums.add(pair.ranking->cluster, pair.right());
  result.accuracy = *sums.estimate();
  result.pairs = static_cast<int64_t>(pairs.size());
  result.prompts = sums.clusters();
  return result;
}

}  // namespace rlhf
