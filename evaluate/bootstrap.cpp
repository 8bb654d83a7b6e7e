#include "evaluate/bootstrap.h"

#include <algorithm>

#include "train/sample_order.h"

namespace rlhf {
namespace {

double ratio(const Cluster& sum) {
  return sum.denominator == 0 ? 0 : sum.numerator / sum.denominator;
}

}  // namespace

Estimate bootstrap_ratio(const std::vector<Cluster>& clusters, int64_t resamples, uint64_t seed) {
  Cluster whole;
  for (const Cluster& cluster : clusters) {
    whole.numerator += cluster.numerator;
    whole.denominator += cluster.denominator;
  }
  std::vector<double> ratios;
  for (int64_t resample = 0; resample < resamples; ++resample) {
    Cluster drawn;
    for (size_t i = 0; i < clusters.size(); ++i) {
      const Cluster& cluster =
          clusters[keyed_random(seed, static_cast<uint64_t>(resample), i) % clusters.size()];
      drawn.numerator += cluster.numerator;
      drawn.denominator += cluster.denominator;
    }
    ratios.push_back(ratio(drawn));
  }
  std::sort(ratios.begin(), ratios.end());
  const auto at = [&](double share) {
    return ratios[static_cast<size_t>(share * static_cast<double>(ratios.size() - 1))];
  };
  return {ratio(whole), at(0.025), at(0.975)};
}

}  // namespace rlhf
