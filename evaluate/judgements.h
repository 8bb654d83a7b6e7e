#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "evaluate/scored_pairs.h"

namespace rlhf {

/// What named annotators said of two responses to one prompt.
struct PairJudgements {
  std::size_t cluster = 0;
  double gap = 0;  ///< score of the first response less that of the second, normalised
  /// By annotator: 1 where the first is better, -1 where the second is, 0 for a tie. Who judged it more than
  /// once counts with the last word.
  std::map<std::string, int> said;
};

/// By the two responses' ScoredRanking::response_ids, the smaller one first.
using Judgements = std::map<std::pair<std::size_t, std::size_t>, PairJudgements>;

/// Rankings that name no annotator are passed over: whether two of them are of two people is not known.
Judgements gather_judgements(std::span<const ScoredRanking> rankings);

}  // namespace rlhf
