#include "label_quality/percent_agreement.h"

#include <algorithm>

namespace rlhf {

double equal_pairs(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  double sum = 0;
  for (auto run = sorted.begin(); run != sorted.end();) {
    const auto end = std::upper_bound(run, sorted.end(), *run);
    const auto count = static_cast<double>(end - run);
    sum += count * count;
    run = end;
  }
  return sum;
}

std::optional<double> percent_agreement(const Units& units) {
  double alike = 0, pairs = 0;
  for (std::size_t i = 0; i < units.count(); ++i) {
    const auto count = static_cast<double>(units.unit(i).size());
    alike += equal_pairs(units.unit(i)) - count;
    pairs += count * (count - 1);
  }
  if (pairs == 0) return std::nullopt;
  return alike / pairs;
}

}  // namespace rlhf
