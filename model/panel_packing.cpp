#include "model/panel_packing.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "model/bfloat16.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RLHF_AVX512 1
#endif

namespace rlhf::cpu {
namespace {

const float* float_at(const Vectors& from, int64_t vector, int64_t k) {
  return static_cast<const float*>(from.data) + vector * from.outer_stride + k * from.inner_stride;
}

const Bfloat16* bfloat16_at(const Vectors& from, int64_t vector, int64_t k) {
  return static_cast<const Bfloat16*>(from.data) + vector * from.outer_stride + k * from.inner_stride;
}

Bfloat16 rounded(const Vectors& from, int64_t vector, int64_t k) {
  Bfloat16 value{0};
  if (vector >= from.outer || k >= from.inner) return value;
  if (from.bfloat16) return *bfloat16_at(from, vector, k);
  store(&value, *float_at(from, vector, k));
  return value;
}

void pack_floats_anywhere(const Vectors& from, const PanelPart& p) {
  auto* to = static_cast<float*>(p.panel) + p.begin * p.width;
  for (int64_t k = p.begin; k < p.end; ++k) {
    for (int64_t i = 0; i < p.width; ++i)
      *to++ = p.first + i < from.outer ? *float_at(from, p.first + i, k) : 0.0f;
  }
}

void pack_bfloat16_anywhere(const Vectors& from, const PanelPart& p) {
  auto* to = static_cast<Bfloat16*>(p.panel) + p.begin * p.width;
  for (int64_t k = p.begin; k < p.end; k += 2) {
    for (int64_t i = 0; i < p.width; ++i) {
      *to++ = rounded(from, p.first + i, k);
      *to++ = rounded(from, p.first + i, k + 1);
    }
  }
}

#ifdef RLHF_AVX512
#define RLHF_VECTORS __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
// Lanes are 32 bits wide here: a float, or two bfloat16 that a kernel multiplies and adds at once.
constexpr int64_t kLanes = 16;

__mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>(count >= kLanes ? 0xffffu : (1u << std::max<int64_t>(count, 0)) - 1u);
}

/// Rows become columns.
RLHF_VECTORS inline void transpose(__m512i (&r)[kLanes]) {
  __m512i t[kLanes];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(r[2 * i], r[2 * i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    r[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    r[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

/// Up to 16 lanes of one vector from element k on, as many as `left` elements hold.
RLHF_VECTORS inline __m512i float_lanes(const float* from, int64_t left) {
  return _mm512_castps_si512(_mm512_maskz_loadu_ps(first_lanes(left), from));
}
RLHF_VECTORS inline __m512i rounded_lanes(const float* from, int64_t left) {
  const __m512 low = _mm512_maskz_loadu_ps(first_lanes(left), from),
               high = left > kLanes ? _mm512_maskz_loadu_ps(first_lanes(left - kLanes), from + kLanes)
                                    : _mm512_setzero_ps();
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}
RLHF_VECTORS inline __m512i stored_lanes(const Bfloat16* from, int64_t left) {
  const __mmask32 mask = left >= 2 * kLanes ? 0xffffffffu : (1u << left) - 1u;
  return _mm512_maskz_loadu_epi16(mask, from);
}

/// Vectors that lie in one piece each: squares of 16 vectors x 16 lanes are turned in registers.
template <bool kToBfloat16>
RLHF_VECTORS void pack_rows(const Vectors& from, const PanelPart& p) {
  constexpr int64_t kPerLane = kToBfloat16 ? 2 : 1;
  auto* panel = static_cast<uint32_t*>(p.panel);
  for (int64_t k = p.begin; k < p.end; k += kLanes * kPerLane) {
    const int64_t left = p.end - k, lanes = std::min(kLanes, (left + kPerLane - 1) / kPerLane);
    for (int64_t column = 0; column < p.width; column += kLanes) {
      __m512i square[kLanes];
#pragma GCC unroll 16
      for (int64_t i = 0; i < kLanes; ++i) {
        const int64_t vector = p.first + column + i;
        if (column + i >= p.width || vector >= from.outer)
          square[i] = _mm512_setzero_si512();
        else if constexpr (!kToBfloat16)
          square[i] = float_lanes(float_at(from, vector, k), left);
        else
          square[i] = from.bfloat16 ? stored_lanes(bfloat16_at(from, vector, k), left)
                                    : rounded_lanes(float_at(from, vector, k), left);
      }
      transpose(square);
      const __mmask16 mask = first_lanes(p.width - column);
      uint32_t* to = panel + k / kPerLane * p.width + column;
      for (int64_t lane = 0; lane < lanes; ++lane)
        _mm512_mask_storeu_epi32(to + lane * p.width, mask, square[lane]);
    }
  }
}

/// Element k of 16 neighbouring vectors: floats, or bfloat16 in the low half of each lane.
template <bool kToBfloat16, typename Stored>
RLHF_VECTORS inline __m512i lanes_of(const Stored* element, __mmask16 real) {
  if constexpr (!kToBfloat16)
    return _mm512_castps_si512(_mm512_maskz_loadu_ps(real, element));
  else if constexpr (std::is_same_v<Stored, float>)
    return _mm512_cvtepu16_epi32(
        reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(real, element))));
  else
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(real, element));
}

/// Vectors that lie side by side: lanes are read as they are wanted. What the next panel will read is asked
/// for meanwhile: neighbouring panels are laid out one after another, and no hardware foresees steps from row
/// to row.
template <bool kToBfloat16, typename Stored>
RLHF_VECTORS void pack_columns(const Stored* data, const Vectors& from, const PanelPart& p) {
  constexpr int64_t kLine = 64 / sizeof(Stored), kPerLane = kToBfloat16 ? 2 : 1;
  const int64_t ahead = std::clamp<int64_t>(from.outer - p.first - p.width, 0, p.width);
  const auto prefetch = [&](const Stored* element) {
    for (int64_t i = 0; i < ahead; i += kLine) _mm_prefetch(element + p.width + i, _MM_HINT_T0);
  };
  for (int64_t column = 0; column < p.width; column += kLanes) {
    const int64_t vector = p.first + column;
    const __mmask16 real = first_lanes(from.outer - vector), wanted = first_lanes(p.width - column);
    const Stored* element = data + p.begin * from.inner_stride + vector;
    auto* to = static_cast<uint32_t*>(p.panel) + p.begin / kPerLane * p.width + column;
    for (int64_t k = p.begin; k < p.end;
         k += kPerLane, element += kPerLane * from.inner_stride, to += p.width) {
      __m512i lanes = lanes_of<kToBfloat16>(element, real);
      if (column == 0) prefetch(element);
      if (kToBfloat16 && k + 1 < from.inner) {
        const Stored* second = element + from.inner_stride;
        lanes = _mm512_or_si512(lanes, _mm512_slli_epi32(lanes_of<kToBfloat16>(second, real), 16));
        if (column == 0) prefetch(second);
      }
      _mm512_mask_storeu_epi32(to, wanted, lanes);
    }
  }
}

template <bool kToBfloat16>
void pack_columns(const Vectors& from, const PanelPart& p) {
  if constexpr (kToBfloat16) {
    if (from.bfloat16) return pack_columns<true>(static_cast<const Bfloat16*>(from.data), from, p);
  }
  pack_columns<kToBfloat16>(static_cast<const float*>(from.data), from, p);
}

bool has_vectors() {
  static const bool kHas = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512vl");
  return kHas;
}
#endif

}  // namespace

void pack_floats(const Vectors& from, const PanelPart& part) {
#ifdef RLHF_AVX512
  if (has_vectors())
    return from.inner_stride == 1 ? pack_rows<false>(from, part) : pack_columns<false>(from, part);
#endif
  pack_floats_anywhere(from, part);
}

void pack_bfloat16(const Vectors& from, const PanelPart& part) {
#ifdef RLHF_AVX512
  if (has_vectors())
    return from.inner_stride == 1 ? pack_rows<true>(from, part) : pack_columns<true>(from, part);
#endif
  pack_bfloat16_anywhere(from, part);
}

}  // namespace rlhf::cpu
