#include "evaluate/score_histogram.h"

#include <algorithm>
#include <cmath>

namespace rlhf {
namespace {

constexpr std::size_t kBins = 24;

ScoreDistribution distribution(const std::vector<double>& scores, const ScoreHistogram& over) {
  ScoreDistribution found;
  found.counts.resize(kBins);
  const auto count = static_cast<double>(scores.size());
  for (const double score : scores) {
    const auto bin = static_cast<std::size_t>(std::max(0.0, (score - over.low) / over.width));
    ++found.counts[std::min(bin, kBins - 1)];
    found.mean += score / count;
  }
  double squares = 0;
  for (const double score : scores) squares += (score - found.mean) * (score - found.mean);
  found.deviation = std::sqrt(squares / count);
  return found;
}

}  // namespace

ScoreHistogram score_histogram(const std::vector<ScoredPair>& pairs) {
  std::vector<double> chosen, rejected;
  for (const ScoredPair& pair : pairs) {
    chosen.push_back(pair.ranking->scores[pair.chosen].mean);
    rejected.push_back(pair.ranking->scores[pair.rejected].mean);
  }
  const auto ends = [](const std::vector<double>& scores) {
    const auto [low, high] = std::minmax_element(scores.begin(), scores.end());
    return std::pair(*low, *high);
  };
  const auto [low_chosen, high_chosen] = ends(chosen);
  const auto [low_rejected, high_rejected] = ends(rejected);
  ScoreHistogram histogram;
  histogram.low = std::min(low_chosen, low_rejected);
  double range = std::max(high_chosen, high_rejected) - histogram.low;
  if (range == 0) {  // all scores are equal: one bin in the middle
    range = 1;
    histogram.low -= 0.5;
  }
  histogram.width = range / static_cast<double>(kBins);
  histogram.chosen = distribution(chosen, histogram);
  histogram.rejected = distribution(rejected, histogram);
  return histogram;
}

}  // namespace rlhf
