#pragma once
#include <cstdint>
#include <vector>

namespace rlhf {

/// A ratio with its 95 % interval.
struct Estimate {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// Sum of a cluster's numerators and denominators: correct pairs and pairs of one prompt, say.
struct Cluster {
  double numerator = 0;
  double denominator = 0;
};

/// Ratio of sums with a percentile bootstrap interval over clusters (Efron 1979): records of one prompt are
/// not independent, so prompts are drawn, not records. Deterministic for a seed. At least one cluster.
Estimate bootstrap_ratio(const std::vector<Cluster>& clusters, int64_t resamples = 2000, uint64_t seed = 0);

}  // namespace rlhf
