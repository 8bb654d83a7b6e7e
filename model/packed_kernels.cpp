#include "model/packed_kernels.h"

#include <array>
#include <cstring>
#include <utility>

#include "model/vector_loops.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RLHF_AVX512 1
#endif

namespace rlhf::cpu {
namespace {

using Kernel = void (*)(const PanelProduct&);
using KernelByRows = std::array<Kernel, kMostPanelRows + 1>;  // [0] is unused
struct Kernels {
  KernelByRows blocks, as_it_lies;  // by how the input lies
};

/// Lane k of row r of the input: a float, or two bfloat16 that are multiplied and added at once.
template <int64_t kRows, bool kBlocks, typename Lane>
RLHF_INLINE const Lane* lane_at(const PanelProduct& p, int64_t k, int64_t r) {
  const auto* input = static_cast<const char*>(p.input);
  constexpr int64_t kSize = 4;
  const int64_t place = kBlocks ? (k * kRows + r) * kSize : k * kSize + r * p.row_bytes;
  return reinterpret_cast<const Lane*>(input + place);
}

/// Any machine: the compiler makes vectors of the inner loop.
template <int64_t kRows, bool kBlocks>
void multiply_float_anywhere(const PanelProduct& p) {
  const auto* panel = static_cast<const float*>(p.panel);
  float sums[kRows][kPanelWidth] = {};
  if (p.accumulate)
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kPanelWidth; ++c) sums[r][c] = p.out[r * p.out_stride + c];
  for (int64_t k = 0; k < p.inner; ++k, panel += p.panel_step) {
    for (int64_t r = 0; r < kRows; ++r) {
      const float x = *lane_at<kRows, kBlocks, float>(p, k, r);
#pragma omp simd
      for (int64_t c = 0; c < kPanelWidth; ++c) sums[r][c] += x * panel[c];
    }
  }
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < kPanelWidth; ++c) p.out[r * p.out_stride + c] = sums[r][c];
}

template <int64_t kRows, bool kBlocks>
void multiply_bfloat16_anywhere(const PanelProduct& p) {
  const auto* panel = static_cast<const Bfloat16*>(p.panel);
  float sums[kRows][kPanelWidth] = {};
  if (p.accumulate)
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kPanelWidth; ++c) sums[r][c] = p.out[r * p.out_stride + c];
  for (int64_t pair = 0; pair < p.inner / 2; ++pair, panel += 2 * kPanelWidth) {
    for (int64_t r = 0; r < kRows; ++r) {
      const auto* lane = lane_at<kRows, kBlocks, Bfloat16>(p, pair, r);
      const float first = load(lane), second = load(lane + 1);
#pragma omp simd
      for (int64_t c = 0; c < kPanelWidth; ++c)
        sums[r][c] += first * load(panel + 2 * c) + second * load(panel + 2 * c + 1);
    }
  }
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < kPanelWidth; ++c) p.out[r * p.out_stride + c] = sums[r][c];
}

#ifdef RLHF_AVX512
// Weights are asked for so many steps of 128 bytes before they are used: the hardware's own prefetch stops at
// every page.
constexpr int64_t kAhead = 32;

// Two vectors of 16 columns; with 12 rows that is 24 sums, which leaves registers for the weights and a
// broadcast.
template <int64_t kRows, bool kBlocks>
__attribute__((target("avx512f"))) void multiply_float_avx512(const PanelProduct& p) {
  const auto* panel = static_cast<const float*>(p.panel);
  __m512 left[kRows], right[kRows];
#pragma GCC unroll 12
  for (int64_t r = 0; r < kRows; ++r) {
    left[r] = p.accumulate ? _mm512_loadu_ps(p.out + r * p.out_stride) : _mm512_setzero_ps();
    right[r] = p.accumulate ? _mm512_loadu_ps(p.out + r * p.out_stride + 16) : _mm512_setzero_ps();
  }
  const int64_t step = p.panel_step, ahead = kAhead * step;
  for (int64_t k = 0; k < p.inner; ++k, panel += step) {
    _mm_prefetch(panel + ahead, _MM_HINT_T0);
    _mm_prefetch(panel + ahead + 16, _MM_HINT_T0);
    const __m512 w0 = _mm512_loadu_ps(panel), w1 = _mm512_loadu_ps(panel + 16);
#pragma GCC unroll 12
    for (int64_t r = 0; r < kRows; ++r) {
      const __m512 x = _mm512_set1_ps(*lane_at<kRows, kBlocks, float>(p, k, r));
      left[r] = _mm512_fmadd_ps(x, w0, left[r]);
      right[r] = _mm512_fmadd_ps(x, w1, right[r]);
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(p.out + r * p.out_stride, left[r]);
    _mm512_storeu_ps(p.out + r * p.out_stride + 16, right[r]);
  }
}

template <int64_t kRows, bool kBlocks>
__attribute__((target("avx512f,avx512bf16"))) void multiply_bfloat16_avx512(const PanelProduct& p) {
  const auto* panel = static_cast<const uint32_t*>(p.panel);
  __m512 left[kRows], right[kRows];
#pragma GCC unroll 12
  for (int64_t r = 0; r < kRows; ++r) {
    left[r] = p.accumulate ? _mm512_loadu_ps(p.out + r * p.out_stride) : _mm512_setzero_ps();
    right[r] = p.accumulate ? _mm512_loadu_ps(p.out + r * p.out_stride + 16) : _mm512_setzero_ps();
  }
  for (int64_t pair = 0; pair < p.inner / 2; ++pair, panel += kPanelWidth) {
    _mm_prefetch(panel + kAhead * kPanelWidth, _MM_HINT_T0);
    _mm_prefetch(panel + kAhead * kPanelWidth + 16, _MM_HINT_T0);
    const auto w0 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel));
    const auto w1 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(panel + 16));
#pragma GCC unroll 12
    for (int64_t r = 0; r < kRows; ++r) {
      int lane;  // two elements, of which rows as they lie need not be aligned to
      std::memcpy(&lane, lane_at<kRows, kBlocks, char>(p, pair, r), sizeof lane);
      const auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(lane));
      left[r] = _mm512_dpbf16_ps(left[r], x, w0);
      right[r] = _mm512_dpbf16_ps(right[r], x, w1);
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < kRows; ++r) {
    _mm512_storeu_ps(p.out + r * p.out_stride, left[r]);
    _mm512_storeu_ps(p.out + r * p.out_stride + 16, right[r]);
  }
}
#endif

template <int64_t... kRows>
Kernels float_kernels(std::integer_sequence<int64_t, kRows...>) {
#ifdef RLHF_AVX512
  if (__builtin_cpu_supports("avx512f"))
    return {{nullptr, multiply_float_avx512<kRows + 1, true>...},
            {nullptr, multiply_float_avx512<kRows + 1, false>...}};
#endif
  return {{nullptr, multiply_float_anywhere<kRows + 1, true>...},
          {nullptr, multiply_float_anywhere<kRows + 1, false>...}};
}

template <int64_t... kRows>
Kernels bfloat16_kernels(std::integer_sequence<int64_t, kRows...>) {
#ifdef RLHF_AVX512
  if (__builtin_cpu_supports("avx512bf16"))
    return {{nullptr, multiply_bfloat16_avx512<kRows + 1, true>...},
            {nullptr, multiply_bfloat16_avx512<kRows + 1, false>...}};
#endif
  return {{nullptr, multiply_bfloat16_anywhere<kRows + 1, true>...},
          {nullptr, multiply_bfloat16_anywhere<kRows + 1, false>...}};
}

void run(const Kernels& kernels, const PanelProduct& product) {
  const bool blocks = product.row_bytes == kInputInBlocks;
  (blocks ? kernels.blocks : kernels.as_it_lies)[static_cast<size_t>(product.rows)](product);
}

}  // namespace

void multiply_panel_float(const PanelProduct& product) {
  static const Kernels kKernels = float_kernels(std::make_integer_sequence<int64_t, kMostPanelRows>());
  run(kKernels, product);
}

void multiply_panel_bfloat16(const PanelProduct& product) {
  static const Kernels kKernels = bfloat16_kernels(std::make_integer_sequence<int64_t, kMostPanelRows>());
  run(kKernels, product);
}

#ifdef RLHF_AVX512
bool has_float_vectors() {
  return __builtin_cpu_supports("avx512f");
}
bool has_bfloat16_vectors() {
  return __builtin_cpu_supports("avx512bf16");
}
bool bfloat16_vectors_are_best() {
  return has_bfloat16_vectors() && !__builtin_cpu_supports("amx-bf16");
}
bool float_vectors_are_best() {
  return has_float_vectors() && __builtin_cpu_is("amd");
}
#else
bool has_float_vectors() {
  return false;
}
bool has_bfloat16_vectors() {
  return false;
}
bool bfloat16_vectors_are_best() {
  return false;
}
bool float_vectors_are_best() {
  return false;
}
#endif

}  // namespace rlhf::cpu
