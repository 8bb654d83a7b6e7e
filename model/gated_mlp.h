#pragma once
#include <torch/types.h>

namespace rlhf {

/// x + silu(n W_gate^T) * (n W_up^T) W_out^T with n = RMSNorm(x), for packed products
/// (model/packed_matrix.h): x [N, H] float32 in and out; norm_weight [H] float32; in_weight [2 I, H], the
/// gates' rows, then the ups'; out_weight [H, I]. Products are in `compute`, float32 or bfloat16. The bits of
/// normalise, linear, swiglu and linear after one another, in fewer passes over memory.
///
/// Differentiable once; keeps x, the norms' scales and, in `compute`, gates and ups, from which the rest is
/// computed once more on the way back.
torch::Tensor gated_mlp(const torch::Tensor& x, const torch::Tensor& norm_weight,
                        const torch::Tensor& in_weight, const torch::Tensor& out_weight, double eps,
                        torch::ScalarType compute);

}  // namespace rlhf
