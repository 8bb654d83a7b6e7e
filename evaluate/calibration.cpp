#include "evaluate/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace rlhf {
namespace {

constexpr std::size_t kBins = 10;

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

/// -log sigmoid(x), without overflow.
double log_loss_of(double x) {
  return std::max(-x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

}  // namespace

Calibration calibration(const std::vector<ScoredPair>& pairs) {
  Calibration result;
  if (pairs.empty()) return result;
  std::array<ReliabilityBin, kBins> bins;
  for (const ScoredPair& pair : pairs) {
    const double gap = pair.raw_gap();
    const double probability = sigmoid(std::abs(gap));  // of the response with the higher score
    const auto place = static_cast<std::size_t>((probability - 0.5) * 2 * kBins);
    ReliabilityBin& bin = bins[std::min(place, kBins - 1)];
    ++bin.pairs;
    bin.predicted += probability;
    bin.observed += gap > 0 ? 1.0 : gap == 0 ? 0.5 : 0.0;
    result.brier += sigmoid(-gap) * sigmoid(-gap);
    result.log_loss += log_loss_of(gap);
  }
  const auto count = static_cast<double>(pairs.size());
  result.brier /= count;
  result.log_loss /= count;
  for (std::size_t i = 0; i < kBins; ++i) {
    ReliabilityBin& bin = bins[i];
    if (bin.pairs == 0) continue;
    const auto weight = static_cast<double>(bin.pairs);
    bin.low = 0.5 + static_cast<double>(i) / (2 * kBins);
    bin.high = 0.5 + static_cast<double>(i + 1) / (2 * kBins);
    bin.predicted /= weight;
    bin.observed /= weight;
    result.ece += weight / count * std::abs(bin.observed - bin.predicted);
    result.bins.push_back(bin);
  }
  return result;
}

}  // namespace rlhf
