#pragma once
#include <cstdint>
#include <vector>

#include "model/bfloat16.h"

/// Causal attention of packed sequences on a CPU: nothing is padded, no matrix of all scores exists, heads
/// that share keys read them once. The method is that of FlashAttention-2 (Dao 2023, arXiv 2307.08691), in
/// tiles of rows. `Stored` is float or Bfloat16, which the products then read; sums and the softmax are
/// float32. Threads are torch's; bits depend neither on their number nor on the other sequences.
namespace rlhf::cpu {

struct AttentionShape {
  const std::vector<int64_t>& offsets;  ///< sequence s has rows offsets[s] to offsets[s + 1]
  int64_t heads, kv_heads, head_dim;    ///< query head h reads key head h / (heads / kv_heads)
  float scale;                          ///< of the scores
};

/// Rows of all heads, head by head, `stride` elements apart.
template <typename Stored>
struct HeadRows {
  const Stored* data;
  int64_t stride;
};

template <typename Stored>
struct AttentionInputs {
  HeadRows<Stored> queries, keys, values;
};

/// out [N, heads, head_dim], and log sum exp of each row's scaled scores [N, heads].
template <typename Stored>
void causal_attention(const AttentionShape& shape, const AttentionInputs<Stored>& in, Stored* out,
                      float* log_normalizers);

template <typename Stored>
struct AttentionGradients {
  const Stored *out, *out_gradient;  ///< [N, heads, head_dim]
  const float* log_normalizers;
  Stored* queries;        ///< [N, heads, head_dim], overwritten, as the two below
  Stored *keys, *values;  ///< [N, kv_heads, head_dim]
  int64_t queries_stride, keys_stride, values_stride;  ///< elements from row to row
};
template <typename Stored>
void causal_attention_backward(const AttentionShape& shape, const AttentionInputs<Stored>& in,
                               const AttentionGradients<Stored>& gradients);

}  // namespace rlhf::cpu
