#include "label_quality/krippendorff_alpha.h"

#include <algorithm>
#include <numeric>

#include "label_quality/percent_agreement.h"

namespace rlhf {

namespace {

/// Sum of the squared distances over ordered pairs of places of `values`. Both sums are closed, so that no
/// coincidence matrix is needed: its size would be the square of the number of different values.
double distances(std::span<const double> values, Level level) {
  const auto count = static_cast<double>(values.size());
  if (level == Level::kNominal) return count * count - equal_pairs(values);
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return 2 * count * squares;
}

/// The ordinal distance of c and k, the values from c to k less half of those at the ends, is the difference
/// of their mid-ranks.
std::vector<double> mid_ranks(const std::vector<double>& values) {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> ranks;
  for (const double value : values) {
    const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
    ranks.push_back((static_cast<double>(low - sorted.begin()) + static_cast<double>(high - sorted.begin())) /
                    2);
  }
  return ranks;
}

}  // namespace

std::optional<double> krippendorff_alpha(const Units& units, Level level) {
  if (level == Level::kOrdinal)
    return krippendorff_alpha(units.with_values(mid_ranks(units.values())), Level::kInterval);
  const auto count = static_cast<double>(units.values().size());
  if (count == 0) return std::nullopt;
  const double expected = distances(units.values(), level) / (count - 1);
  if (expected == 0) return std::nullopt;
  double observed = 0;
  for (std::size_t i = 0; i < units.count(); ++i)
    observed += distances(units.unit(i), level) / static_cast<double>(units.unit(i).size() - 1);
  return 1 - observed / expected;
}

}  // namespace rlhf
