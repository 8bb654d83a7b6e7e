#include "train/masked_statistics.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace rlhf {

Moments Moments::of(const torch::Tensor& values) {
  const auto x = values.detach().to(torch::kFloat64);
  const auto both = torch::stack({x.sum(), x.square().sum()}).cpu();
  return {static_cast<double>(values.numel()), both[0].item<double>(), both[1].item<double>()};
}

double Moments::mean() const {
  if (count < 1) {
    throw std::invalid_argument("the mean of no tokens");
  }
  return sum / count;
}

double Moments::variance(bool unbiased) const {
  const double freedom = unbiased ? count - 1 : count;
  if (freedom < 1) {
    throw std::invalid_argument("the variance of too few tokens");
  }
  // Rounding may leave a tiny negative number when all values are equal; NaN must stay NaN.
  const double squares = sum_sq - mean() * sum;
  return squares < 0 ? 0.0 : squares / freedom;
}

Moments& Moments::operator+=(const Moments& other) {
  count += other.count;
  sum += other.sum;
  sum_sq += other.sum_sq;
  return *this;
}

Moments Moments::from_sums(const std::vector<double>& sums) {
  return {sums.at(0), sums.at(1), sums.at(2)};
}

torch::Tensor whiten(const torch::Tensor& values, const Moments& global, const Whitening& options) {
  const double variance = global.count > 1 ? global.variance(options.unbiased_variance) : 0;
  const double divisor =
      std::sqrt(options.epsilon_is_floor ? std::max(variance, options.epsilon) : variance + options.epsilon);
  return (values - global.mean()) / divisor;
}

}  // namespace rlhf
