#include "model/cached_attention.h"

#include <algorithm>

#include "model/vector_loops.h"

namespace rlhf::cpu {
namespace {

// Columns whose sums stay in registers, and heads that share what was read of a value.
constexpr int64_t kColumns = 32, kHeadsTogether = 4;

template <typename Stored>
RLHF_INLINE float product(const float* a, const Stored* b, int64_t n) {
  float lanes[kColumns] = {};
  int64_t i = 0;
  for (; i + kColumns <= n; i += kColumns) {
#pragma omp simd
    for (int64_t c = 0; c < kColumns; ++c) lanes[c] += a[i + c] * load(b + i + c);
  }
  for (int64_t c = 0; i + c < n; ++c) lanes[c] += a[i + c] * load(b + i + c);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t c = 0; c < kColumns; ++c) sum += lanes[c];
  return sum;
}

template <typename Stored>
RLHF_INLINE void prefetch(const Stored* row, int64_t width) {
  constexpr int64_t kLine = 64 / sizeof(Stored);
  for (int64_t i = 0; i < width; i += kLine) __builtin_prefetch(row + i, 0, 2);
}

/// Columns [column, column + width) of the outputs of kHeads heads from `head` on; `width` is kColumns when
/// kWhole.
template <int64_t kHeads, bool kWhole, typename Stored>
RLHF_INLINE void weigh_columns(const CachedAttention<Stored>& a, int64_t head, int64_t column,
                               int64_t width) {
  const float* weights = a.scores + head * a.length;
  const Stored* value = a.values + column;
  float sums[kHeads][kColumns] = {};
  for (int64_t t = 0; t < a.length; ++t, value += a.head_dim) {
    for (int64_t h = 0; h < kHeads; ++h) {
      const float weight = weights[h * a.length + t];
#pragma omp simd
      for (int64_t c = 0; c < (kWhole ? kColumns : width); ++c) sums[h][c] += weight * load(value + c);
    }
  }
  for (int64_t h = 0; h < kHeads; ++h) std::copy_n(sums[h], width, a.out + (head + h) * a.head_dim + column);
}

template <int64_t kHeads, typename Stored>
RLHF_INLINE void weigh(const CachedAttention<Stored>& a, int64_t head) {
  int64_t column = 0;
  for (; column + kColumns <= a.head_dim; column += kColumns)
    weigh_columns<kHeads, true>(a, head, column, kColumns);
  if (column < a.head_dim) weigh_columns<kHeads, false>(a, head, column, a.head_dim - column);
}

template <typename Stored>
RLHF_INLINE void cached_attention_body(const CachedAttention<Stored>& a) {
  for (int64_t t = 0; t < a.length; ++t) {
    prefetch(a.next_keys + t * a.head_dim, a.head_dim);
    prefetch(a.next_values + t * a.head_dim, a.head_dim);
    for (int64_t g = 0; g < a.group; ++g)
      a.scores[g * a.length + t] = product(a.queries + g * a.head_dim, a.keys + t * a.head_dim, a.head_dim);
  }
  for (int64_t g = 0; g < a.group; ++g) softmax(a.scores + g * a.length, a.length, a.scale);
  for (int64_t head = 0; head < a.group; head += kHeadsTogether) {
    switch (std::min(kHeadsTogether, a.group - head)) {
      case 1:
        weigh<1>(a, head);
        break;
      case 2:
        weigh<2>(a, head);
        break;
      case 3:
        weigh<3>(a, head);
        break;
      default:
        weigh<kHeadsTogether>(a, head);
    }
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
