#pragma once
#include <bit>
#include <cstdint>

namespace rlhf::cpu {

/// A bfloat16 as its bits.
struct Bfloat16 {
  uint16_t bits;
};

/// Elements of any stored type to and from the type that loops compute in.
[[gnu::always_inline]] inline float load(const float* x) {
  return *x;
}
[[gnu::always_inline]] inline double load(const double* x) {
  return *x;
}
[[gnu::always_inline]] inline float load(const Bfloat16* x) {
  return std::bit_cast<float>(static_cast<uint32_t>(x->bits) << 16);
}
[[gnu::always_inline]] inline void store(float* out, float x) {
  *out = x;
}
[[gnu::always_inline]] inline void store(double* out, double x) {
  *out = x;
}
/// To nearest, ties to even; NaN stays NaN. The choice is between 32-bit integers, for which every set of
/// vector instructions has one.
[[gnu::always_inline]] inline void store(Bfloat16* out, float x) {
  constexpr uint32_t kNan = 0x7fc00000u, kInfinity = 0x7f800000u;
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  out->bits = static_cast<uint16_t>(((bits & 0x7fffffffu) > kInfinity ? kNan : rounded) >> 16);
}

}  // namespace rlhf::cpu
