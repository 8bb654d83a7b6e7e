#pragma once
#include <torch/types.h>

namespace rlhf {

/// RMSNorm of the rows of x [N, H] on the CPU, without a graph.
struct NormedRows {
  torch::Tensor normed;  ///< [N, H] in `dtype`
  torch::Tensor scales;  ///< [N], 1 / sqrt(mean(x^2) + eps)
};
/// x and weight [H] are float32 or float64 and contiguous; `dtype` is theirs, or bfloat16 beside float32.
NormedRows rms_norm_rows(const torch::Tensor& x, const torch::Tensor& weight, double eps,
                         torch::ScalarType dtype);

struct NormGradients {
  torch::Tensor x, weight;  ///< [N, H], [H]
};
/// From dy [N, H], in x's dtype. `beside`, unless undefined, is added to x's: what reaches x past the norm.
/// Bits do not depend on the number of threads.
NormGradients rms_norm_rows_backward(const torch::Tensor& x, const torch::Tensor& weight,
                                     const torch::Tensor& scales, const torch::Tensor& dy,
                                     const torch::Tensor& beside = {});

}  // namespace rlhf
