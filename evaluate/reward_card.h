#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evaluate/accuracy_groups.h"
#include "evaluate/calibration.h"
#include "evaluate/human_ceiling.h"
#include "evaluate/length_bias.h"
#include "evaluate/score_histogram.h"
#include "evaluate/worst_mistakes.h"

namespace rlhf {

/// All that rankings tell about a reward model; docs/metrics.md has the definitions.
struct RewardCard {
  std::string model;  ///< as it was named
  std::string data;   ///< what the rankings are, in words
  int64_t rankings = 0;
  RewardAccuracy accuracy;
  std::vector<AccuracyGrouping> groupings;
  HumanCeiling ceiling;
  Calibration calibration;
  LengthBias length;
  ScoreHistogram scores;
  std::vector<Mistake> mistakes;  ///< point into the rankings the card was made of
};

/// `judged` are the rankings that the model is measured on, `people` those that the ceiling is taken from;
/// they may be the same, and must be of one score_rankings(). The card points into both. UserError when
/// `judged` has no untied pair. `model` and `data` are left to the caller.
RewardCard reward_card(std::span<const ScoredRanking> judged, std::span<const ScoredRanking> people,
                       std::size_t mistakes);

}  // namespace rlhf
