#include "label_quality/cohen_kappa.h"

#include <cstddef>

namespace rlhf {

namespace {

double weight(std::size_t i, std::size_t j, KappaWeights weights) {
  const double distance = static_cast<double>(i > j ? i - j : j - i);
  if (weights == KappaWeights::kNone) return distance > 0 ? 1 : 0;
  return distance;
}

}  // namespace

std::optional<double> cohen_kappa(const ContingencyTable& counts, KappaWeights weights) {
  const std::size_t size = counts.size();
  std::vector<double> rows(size), columns(size);
  double all = 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      rows[i] += counts[i][j];
      columns[j] += counts[i][j];
      all += counts[i][j];
    }
  }
  double observed = 0, expected = 0;
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < size; ++j) {
      observed += weight(i, j, weights) * counts[i][j];
      expected += weight(i, j, weights) * rows[i] * columns[j];
    }
  }
  if (expected == 0) return std::nullopt;
  return 1 - observed * all / expected;
}

}  // namespace rlhf
