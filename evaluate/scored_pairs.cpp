#include "evaluate/scored_pairs.h"

namespace rlhf {
namespace {

std::optional<double> mean_rating(const Provenance& provenance, std::size_t response) {
  double sum = 0;
  int count = 0;
  for (const ResponseRating& rating : provenance.ratings) {
    if (rating.response != response) continue;
    sum += rating.value;
    ++count;
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

}  // namespace

double ScoredPair::gap() const {
  return ranking->scores[chosen].mean - ranking->scores[rejected].mean;
}

double ScoredPair::raw_gap() const {
  return ranking->scores[chosen].raw - ranking->scores[rejected].raw;
}

double ScoredPair::right() const {
  return gap() > 0 ? 1.0 : gap() == 0 ? 0.5 : 0.0;
}

int ScoredPair::rank_gap() const {
  return ranking->ranking.ranks[rejected] - ranking->ranking.ranks[chosen];
}

std::optional<double> ScoredPair::rating_gap() const {
  const auto better = mean_rating(ranking->provenance, chosen);
  const auto worse = mean_rating(ranking->provenance, rejected);
  return better && worse ? std::optional(*better - *worse) : std::nullopt;
}

std::vector<ScoredPair> scored_pairs(std::span<const ScoredRanking> rankings) {
  std::vector<ScoredPair> pairs;
  for (const ScoredRanking& ranking : rankings) {
    const std::vector<int>& ranks = ranking.ranking.ranks;
    for (std::size_t w = 0; w < ranks.size(); ++w)
      for (std::size_t l = 0; l < ranks.size(); ++l)
        if (ranks[w] < ranks[l]) pairs.push_back({&ranking, w, l});
  }
  return pairs;
}

}  // namespace rlhf
