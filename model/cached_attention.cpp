#include "model/cached_attention.h"

#include <algorithm>

#include "model/vector_loops.h"

namespace rlhf::cpu {
namespace {

template <typename Stored>
RLHF_INLINE float product(const float* a, const Stored* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * load(b + i);
  return sum;
}

template <typename Stored>
RLHF_INLINE void cached_attention_body(const CachedAttention<Stored>& a) {
  for (int64_t g = 0; g < a.group; ++g) {
    const float* query = a.queries + g * a.head_dim;
    float* out = a.out + g * a.head_dim;
    for (int64_t t = 0; t < a.length; ++t)
      a.scores[t] = a.scale * product(query, a.keys + t * a.head_dim, a.head_dim);
    const float top = largest<float>(a.scores, a.length);
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t t = 0; t < a.length; ++t) {
      a.scores[t] = exponential(at_lowest(a.scores[t] - top));
      sum += a.scores[t];
    }
    std::fill_n(out, a.head_dim, 0.0f);
    for (int64_t t = 0; t < a.length; ++t) {
      const float weight = a.scores[t];
      const Stored* value = a.values + t * a.head_dim;
#pragma omp simd
      for (int64_t i = 0; i < a.head_dim; ++i) out[i] += weight * load(value + i);
    }
    for (int64_t i = 0; i < a.head_dim; ++i) out[i] /= sum;
  }
}

}  // namespace

RLHF_CLONES void cached_attention(const CachedAttention<float>& attention) {
  cached_attention_body(attention);
}
RLHF_CLONES void cached_attention(const CachedAttention<Bfloat16>& attention) {
  cached_attention_body(attention);
}

}  // namespace rlhf::cpu
