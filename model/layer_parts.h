#pragma once
#include <torch/types.h>

#include "model/model_config.h"

namespace rlhf {

/// x weight^T + bias with the product in `compute`. Weights are cast when they are stored in another dtype.
/// With bfloat16 the result, and the bias added to it, are float32.
torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                     torch::ScalarType compute);

/// RMSNorm (arXiv 1910.07467) or LayerNorm over the last dimension; `bias` may be undefined.
torch::Tensor normalise(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                        Norm norm, double eps);

/// down(silu(gate) * up)'s inner part: x [N, 2 I] holds the gates, then the ups; [N, I] out.
torch::Tensor swiglu(const torch::Tensor& x);

torch::Tensor activate(const torch::Tensor& x, Activation activation);

}  // namespace rlhf
