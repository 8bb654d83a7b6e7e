#pragma once
#include <torch/types.h>

#include "model/packed_matrix.h"

namespace rlhf {

/// x weight^T + bias with the product in `compute`: x [N, in], weight [out, in], bias [out] or undefined.
/// With bfloat16 float32 factors are rounded, and the result, and the bias added to it, are float32.
/// Differentiable once. `packed`, when given, is the weight laid out in `compute` already: it is multiplied
/// with instead, without gradients.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute, const PackedMatrix* packed = nullptr);

}  // namespace rlhf
