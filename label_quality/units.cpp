#include "label_quality/units.h"

#include <cassert>

namespace rlhf {

void Units::add(std::span<const double> values) {
  if (values.size() < 2) return;
  values_.insert(values_.end(), values.begin(), values.end());
  ends_.push_back(values_.size());
}

std::span<const double> Units::unit(std::size_t i) const {
  const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
  return std::span(values_).subspan(begin, ends_[i] - begin);
}

Units Units::with_values(std::vector<double> values) const {
  assert(values.size() == values_.size());
  Units other;
  other.values_ = std::move(values);
  other.ends_ = ends_;
  return other;
}

}  // namespace rlhf
