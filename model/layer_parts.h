#pragma once
#include <torch/types.h>

#include "model/model_config.h"

namespace rlhf {

/// RMSNorm (arXiv 1910.07467) or LayerNorm over the last dimension; `bias` may be undefined.
torch::Tensor normalise(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                        Norm norm, double eps);

/// down(silu(gate) * up)'s inner part: x [N, 2 I] holds the gates, then the ups; [N, I] out.
torch::Tensor swiglu(const torch::Tensor& x);

torch::Tensor activate(const torch::Tensor& x, Activation activation);

}  // namespace rlhf
