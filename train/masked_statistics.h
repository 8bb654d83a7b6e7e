#pragma once
#include <vector>

#include <torch/types.h>

namespace rlhf {

/// Count, sum and sum of squares of valid tokens, in float64. Two of them add up to those of both parts, so
/// moments of a global batch are the sum of the workers' moments, whatever the split.
struct Moments {
  double count = 0;
  double sum = 0;
  double sum_sq = 0;

  /// Of every element: packed tensors hold valid tokens alone.
  static Moments of(const torch::Tensor& values);

  double mean() const;
  /// 1/n sum (x - mean)^2, or 1/(n - 1) when `unbiased`; never negative.
  double variance(bool unbiased = false) const;

  Moments& operator+=(const Moments& other);

  /// The three, for Collective::all_reduce_sum, and back.
  std::vector<double> sums() const { return {count, sum, sum_sq}; }
  static Moments from_sums(const std::vector<double>& sums);
};

/// How whitening divides: (x - mean) / sqrt(variance + epsilon), or / sqrt(max(variance, epsilon)).
struct Whitening {
  bool unbiased_variance = false;  ///< n - 1 in the denominator (TRL)
  bool epsilon_is_floor = false;   ///< max(variance, epsilon) in place of the sum (OpenRLHF)
  double epsilon = 1e-8;
};

/// `values` shifted and scaled by the moments of the whole global batch; same shape and dtype.
/// (lm-human-preferences, `whiten`: https://arxiv.org/abs/1909.08593)
torch::Tensor whiten(const torch::Tensor& values, const Moments& global, const Whitening& options = {});

}  // namespace rlhf
