#include "evaluate/length_bias.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "evaluate/cluster_sums.h"

namespace rlhf {
namespace {

struct Point {
  double score = 0;
  double length = 0;
};

std::optional<double> correlation_within(const std::map<std::size_t, std::vector<Point>>& clusters) {
  double scores = 0, lengths = 0, both = 0;
  for (const auto& [number, points] : clusters) {
    Point mean;
    for (const Point& point : points) {
      mean.score += point.score / static_cast<double>(points.size());
      mean.length += point.length / static_cast<double>(points.size());
    }
    for (const Point& point : points) {
      scores += (point.score - mean.score) * (point.score - mean.score);
      lengths += (point.length - mean.length) * (point.length - mean.length);
      both += (point.score - mean.score) * (point.length - mean.length);
    }
  }
  if (!(scores > 0) || !(lengths > 0)) return std::nullopt;
  return both / std::sqrt(scores * lengths);
}

/// Every response of the pairs' rankings once a cluster.
std::map<std::size_t, std::vector<Point>> points_of(const std::vector<ScoredPair>& pairs) {
  std::map<std::size_t, std::vector<Point>> clusters;
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (const ScoredPair& pair : pairs) {
    const ScoredRanking& ranking = *pair.ranking;
    for (const std::size_t place : {pair.chosen, pair.rejected}) {
      if (!seen.emplace(ranking.cluster, ranking.response_ids[place]).second) continue;
      clusters[ranking.cluster].push_back(
          {ranking.scores[place].mean, static_cast<double>(characters(ranking.ranking.responses[place]))});
    }
  }
  return clusters;
}

}  // namespace

LengthBias length_bias(const std::vector<ScoredPair>& pairs) {
  LengthBias bias;
  ClusterSums people, model, longer, shorter;
  for (const ScoredPair& pair : pairs) {
    const std::vector<std::string>& texts = pair.ranking->ranking.responses;
    const int64_t more = characters(texts[pair.chosen]) - characters(texts[pair.rejected]);
    if (more == 0) continue;
    ++bias.pairs;
    const std::size_t cluster = pair.ranking->cluster;
    people.add(cluster, more > 0 ? 1 : 0);
    model.add(cluster, more > 0 ? pair.right() : 1 - pair.right());
    (more > 0 ? longer : shorter).add(cluster, pair.right());
  }
  bias.people_longer = people.estimate();
  bias.model_longer = model.estimate();
  bias.longer_accuracy = longer.estimate();
  bias.shorter_accuracy = shorter.estimate();
  bias.correlation = correlation_within(points_of(pairs));
  return bias;
}

int64_t characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace rlhf
