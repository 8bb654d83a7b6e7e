#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include "model/rope.h"

namespace rlhf {

/// What an attention block computes with; biases undefined where the family has none.
struct AttentionBlock {
  const torch::Tensor& norm_weight;  ///< [H] float32
  const torch::Tensor& qkv_weight;   ///< [(heads + 2 kv_heads) head_dim, H]
  const torch::Tensor& qkv_bias;     ///< [(heads + 2 kv_heads) head_dim] float32
  const torch::Tensor& out_weight;   ///< [H, heads head_dim]
  int64_t heads, kv_heads, head_dim;
  double eps, scale;  ///< of the norm; of the scores
  torch::ScalarType compute;
};

/// x + attention(RMSNorm(x)) of packed sequences with rows offsets[s] to offsets[s + 1], for packed products
/// and causal_attention on a CPU: x [N, H] float32 in and out; queries and keys are rotated unless the angles
/// are undefined. `see`, unless empty, is shown keys and values [N, kv_heads, head_dim] in `compute`. The
/// bits of the parts after one another, in fewer passes over memory.
///
/// Differentiable once; keeps x, the norms' scales, queries, keys, values and what attention gave.
torch::Tensor attention_block(
    const torch::Tensor& x, const AttentionBlock& block, const RopeAngles& angles,
    const std::vector<int64_t>& offsets,
    const std::function<void(const torch::Tensor& keys, const torch::Tensor& values)>& see);

}  // namespace rlhf
