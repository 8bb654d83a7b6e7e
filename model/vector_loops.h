#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "model/bfloat16.h"

/// What the loops of the CPU kernels share: inline pieces that a compiler makes vectors of, for whichever
/// instruction set the function around them is built.

// One copy per instruction set: the one with AVX-512 has its 16-bit integers too, for bfloat16. Not where a
// compiler is told to build for a newer machine anyway. Sanitizers instrument the code that picks one before
// they are set up themselves.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) && !defined(__AVX__)
#define RLHF_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RLHF_CLONES
#endif
#define RLHF_INLINE [[gnu::always_inline]] inline

namespace rlhf::cpu {

/// What is smaller than e to this is nothing beside 1.
template <typename T>
constexpr T kLowestExponent = std::is_same_v<T, float> ? static_cast<T>(-87) : static_cast<T>(-700);

/// x, or the lowest exponent where x is below it; NaN stays NaN. Written so that loops have no branch.
template <typename T>
RLHF_INLINE T at_lowest(T x) {
  return x < kLowestExponent<T> ? kLowestExponent<T> : x;
}

/// e^x to about 2 units in the last place for x from -87 to 88, in a form that compilers vectorise: 2^n e^r
/// with the polynomial of Cephes' expf. Adding and taking away 1.5 * 2^23 rounds to a whole number, which the
/// sum holds in its low bits.
RLHF_INLINE float exponential(float x) {
  constexpr float kRound = 12582912.0f;
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  return p * std::bit_cast<float>((std::bit_cast<uint32_t>(shifted) + 127u) << 23);
}
RLHF_INLINE double exponential(double x) {
  return std::exp(x);
}

template <typename T>
RLHF_INLINE T dot(const T* a, const T* b, int64_t n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

template <typename T, typename Stored>
RLHF_INLINE T largest(const Stored* x, int64_t n) {
  T top = -std::numeric_limits<T>::infinity();
#pragma omp simd reduction(max : top)
  for (int64_t i = 0; i < n; ++i) {
    const T value = load(x + i);
    top = top < value ? value : top;
  }
  return top;
}

/// Scores, times `scale`, to weights that sum to 1, in place. Returns log sum e^(scale score).
RLHF_INLINE float softmax(float* scores, int64_t count, float scale) {
  const float top = largest<float>(scores, count);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    const float e = exponential(at_lowest((scores[i] - top) * scale));
    scores[i] = e;
    sum += e;
  }
  const float inverse = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) scores[i] *= inverse;
  return top * scale + std::log(sum);
}

}  // namespace rlhf::cpu
