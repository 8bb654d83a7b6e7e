#pragma once
#include <cstdint>

#include "model/bfloat16.h"

namespace rlhf::cpu {

/// One new token's queries of the heads that share a key head, over the keys and values of one slot of a
/// cache: out_g = sum_t softmax_t(scale q_g k_t) v_t.
template <typename Stored>
struct CachedAttention {
  const Stored *keys, *values;  ///< [length][head_dim]
  /// What the caller will ask for next, [length][head_dim] as well: it is fetched from memory meanwhile.
  const Stored *next_keys, *next_values;
  const float* queries;  ///< [group][head_dim]
  float* out;            ///< [group][head_dim], overwritten
  float* scores;         ///< scratch, [group][length]
  int64_t length, head_dim, group;
  float scale;
};
void cached_attention(const CachedAttention<float>& attention);
void cached_attention(const CachedAttention<Bfloat16>& attention);

}  // namespace rlhf::cpu
