#include "label_quality/clustered_share.h"

#include <algorithm>
#include <cmath>

namespace rlhf {

namespace {

constexpr double kZ = 1.959963984540054;  // 97.5 % of the standard normal distribution lie below

}  // namespace

void ClusteredShare::add(double hits, double of) {
  if (of == 0) return;
  hits_ += hits;
  of_ += of;
  hits_squared_ += hits * hits;
  of_squared_ += of * of;
  product_ += hits * of;
  clusters_ += 1;
}

double ClusteredShare::effective_size(double value) const {
  if (clusters_ < 2 || value == 0 || value == 1) return clusters_;
  const double squares = hits_squared_ - 2 * value * product_ + value * value * of_squared_;
  const double variance = squares / (of_ * of_);
  const double spread = value * (1 - value);
  return variance * of_ <= spread ? of_ : spread / variance;
}

Share ClusteredShare::share() const {
  if (of_ == 0) return {};
  const double value = hits_ / of_;
  const double size = effective_size(value);
  const double middle = (value + kZ * kZ / (2 * size)) / (1 + kZ * kZ / size);
  const double half =
      kZ / (1 + kZ * kZ / size) * std::sqrt(value * (1 - value) / size + kZ * kZ / (4 * size * size));
  return {value, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace rlhf
