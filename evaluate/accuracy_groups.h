#pragma once
#include <string>
#include <vector>

#include "evaluate/reward_accuracy.h"

namespace rlhf {

struct AccuracyGroup {
  std::string name;
  RewardAccuracy accuracy;
};

/// The pairs told apart by one thing that is known of them.
struct AccuracyGrouping {
  std::string by;                     ///< "split", "source", "annotator", "rank_gap" or "rating_gap"
  std::vector<AccuracyGroup> groups;  ///< two or more, or none
  std::string left_out;               ///< why there is none
};

/// By split, source and annotator, the largest group first; by rank gap and rating gap, the smallest gap
/// first: one group a value up to five of them, else four groups of about as many pairs, named by the gaps
/// they hold. Pairs without the thing are a group "not named", or, without a rating, left out.
std::vector<AccuracyGrouping> accuracy_groupings(const std::vector<ScoredPair>& pairs);

}  // namespace rlhf
