#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "evaluate/scored_rankings.h"

namespace rlhf {

/// Two responses of one ranking that its annotator did not tie. Points into the ranking, which must outlive
/// it.
struct ScoredPair {
  const ScoredRanking* ranking = nullptr;
  std::size_t chosen = 0;    ///< place of the better one among the ranking's responses
  std::size_t rejected = 0;  ///< place of the other one

  double gap() const;      ///< score of the chosen one less that of the rejected one, normalised
  double raw_gap() const;  ///< the same of raw scores: what the ranking loss was taken of
  double right() const;    ///< 1 when scores and annotator order it alike, 1/2 for equal scores, else 0
  int rank_gap() const;    ///< at least 1
  /// Difference of the ratings that came with the responses, each the mean over its aspects; nothing unless
  /// both have one. Negative where ratings and ranks disagree.
  std::optional<double> rating_gap() const;
};

/// Every untied pair, in the order of the rankings.
std::vector<ScoredPair> scored_pairs(std::span<const ScoredRanking> rankings);

}  // namespace rlhf
