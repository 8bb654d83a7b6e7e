#pragma once
#include <torch/types.h>

namespace rlhf {

/// x weight^T + bias with the product in `compute`: x [N, in], weight [out, in], bias [out] or undefined.
/// With bfloat16 float32 factors are rounded, and the result, and the bias added to it, are float32.
/// Differentiable once.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute);

}  // namespace rlhf
