#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "evaluate/bootstrap.h"

namespace rlhf {

/// Gathers a ratio cluster by cluster for bootstrap_ratio().
class ClusterSums {
 public:
  /// `weight` trials in `cluster`, `hits` of them (or of their weight) hits.
  void add(std::size_t cluster, double hits, double weight = 1) {
    Cluster& sum = sums_[cluster];
    sum.numerator += hits;
    sum.denominator += weight;
  }

  int64_t clusters() const { return static_cast<int64_t>(sums_.size()); }

  /// Nothing when nothing was added.
  std::optional<Estimate> estimate() const {
    if (sums_.empty()) return std::nullopt;
    std::vector<Cluster> clusters;
    for (const auto& [number, sum] : sums_) clusters.push_back(sum);
    return bootstrap_ratio(clusters);
  }

 private:
  std::map<std::size_t, Cluster> sums_;
};

}  // namespace rlhf
