#pragma once
#include <torch/types.h>

namespace rlhf {

/// x weight^T + bias with the product in `compute`: x [N, in], weight [out, in], bias [out] or undefined.
/// Weights are cast when they are stored in another dtype. With bfloat16 the result, and the bias added to
/// it, are float32. Differentiable.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute);

}  // namespace rlhf
