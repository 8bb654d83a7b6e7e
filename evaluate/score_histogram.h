#pragma once
#include <cstdint>
#include <vector>

#include "evaluate/scored_pairs.h"

namespace rlhf {

/// Normalised scores of one side of the pairs; a response counts once a pair.
struct ScoreDistribution {
  double mean = 0;
  double deviation = 0;         ///< biased
  std::vector<int64_t> counts;  ///< one a bin
};

/// Scores of what people chose and of what they rejected over bins of one width.
struct ScoreHistogram {
  double low = 0;    ///< where the first bin begins
  double width = 0;  ///< of every bin
  ScoreDistribution chosen, rejected;
};

/// 24 bins from the lowest score to the highest. At least one pair.
ScoreHistogram score_histogram(const std::vector<ScoredPair>& pairs);

}  // namespace rlhf
