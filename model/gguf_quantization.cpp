#include "model/gguf_quantization.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace rlhf {
namespace {

static_assert(std::endian::native == std::endian::little, "GGUF is read and written as little-endian");

constexpr uint64_t kBlock = 32;

template <typename T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

template <typename T>
void store(char* bytes, T value) {
  std::memcpy(bytes, &value, sizeof value);
}

/// x = d q, q in [-127, 127].
void decode_q8_0(const char* block, float* out) {
  const float d = half_to_float(load<uint16_t>(block));
  for (uint64_t j = 0; j < kBlock; ++j) out[j] = d * static_cast<float>(load<int8_t>(block + 2 + j));
}

/// x = d (q - 8); byte j holds elements j (low nibble) and j + 16 (high).
void decode_q4_0(const char* block, float* out) {
  const float d = half_to_float(load<uint16_t>(block));
  for (uint64_t j = 0; j < kBlock / 2; ++j) {
    const auto byte = load<uint8_t>(block + 2 + j);
    out[j] = d * static_cast<float>((byte & 15) - 8);
    out[j + kBlock / 2] = d * static_cast<float>((byte >> 4) - 8);
  }
}

/// x = d q + m; nibbles as above.
void decode_q4_1(const char* block, float* out) {
  const float d = half_to_float(load<uint16_t>(block));
  const float m = half_to_float(load<uint16_t>(block + 2));
  for (uint64_t j = 0; j < kBlock / 2; ++j) {
    const auto byte = load<uint8_t>(block + 4 + j);
    out[j] = d * static_cast<float>(byte & 15) + m;
    out[j + kBlock / 2] = d * static_cast<float>(byte >> 4) + m;
  }
}

/// ggml's quantize_row_q8_0_ref: the scale before it is rounded to half divides, halves round away from zero.
void encode_q8_0(const float* values, char* block) {
  float largest = 0;
  for (uint64_t j = 0; j < kBlock; ++j) largest = std::max(largest, std::fabs(values[j]));
  const float d = largest / 127.0f;
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  store(block, float_to_half(d));
  for (uint64_t j = 0; j < kBlock; ++j) {
    store(block + 2 + j, static_cast<int8_t>(std::clamp(std::round(values[j] * inverse), -127.0f, 127.0f)));
  }
}

}  // namespace

std::optional<GgufBlock> find_block(uint32_t type) {
  switch (static_cast<GgufTensorType>(type)) {
    case GgufTensorType::kF32:
      return GgufBlock{"F32", 1, 4};
    case GgufTensorType::kF16:
      return GgufBlock{"F16", 1, 2};
    case GgufTensorType::kBF16:
      return GgufBlock{"BF16", 1, 2};
    case GgufTensorType::kQ8_0:
      return GgufBlock{"Q8_0", kBlock, 34};
    case GgufTensorType::kQ4_0:
      return GgufBlock{"Q4_0", kBlock, 18};
    case GgufTensorType::kQ4_1:
      return GgufBlock{"Q4_1", kBlock, 20};
  }
  return std::nullopt;
}

GgufBlock block_of(GgufTensorType type) {
  return *find_block(static_cast<uint32_t>(type));
}

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = bits >> 10 & 31u, mantissa = bits & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: mantissa 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
  return std::bit_cast<float>(sign | wide << 23 | mantissa << 13);
}

uint16_t float_to_half(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);  // NaN
  if (magnitude >= 0x477ff000u)
    return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above round to infinity
  if (magnitude < 0x38800000u) {                   // below 2^-14: subnormal, in steps of 2^-24
    const float steps = std::nearbyint(std::bit_cast<float>(magnitude) * 0x1p24f);
    return static_cast<uint16_t>(sign | static_cast<uint16_t>(steps));
  }
  const uint32_t rounded = magnitude + 0xfffu + (magnitude >> 13 & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float bfloat16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t float_to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>(bits >> 16 | 64u);
  return static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

void dequantize(GgufTensorType type, const char* bytes, float* out, uint64_t count) {
  const GgufBlock block = block_of(type);
  for (uint64_t i = 0; i < count; i += block.elements, bytes += block.bytes) {
    switch (type) {
      case GgufTensorType::kF32:
        out[i] = load<float>(bytes);
        break;
      case GgufTensorType::kF16:
        out[i] = half_to_float(load<uint16_t>(bytes));
        break;
      case GgufTensorType::kBF16:
        out[i] = bfloat16_to_float(load<uint16_t>(bytes));
        break;
      case GgufTensorType::kQ8_0:
        decode_q8_0(bytes, out + i);
        break;
      case GgufTensorType::kQ4_0:
        decode_q4_0(bytes, out + i);
        break;
      case GgufTensorType::kQ4_1:
        decode_q4_1(bytes, out + i);
        break;
    }
  }
}

void quantize(GgufTensorType type, const float* values, uint64_t count, char* out) {
  const GgufBlock block = block_of(type);
  for (uint64_t i = 0; i < count; i += block.elements, out += block.bytes) {
    switch (type) {
      case GgufTensorType::kF32:
        store(out, values[i]);
        break;
      case GgufTensorType::kF16:
        store(out, float_to_half(values[i]));
        break;
      case GgufTensorType::kBF16:
        store(out, float_to_bfloat16(values[i]));
        break;
      case GgufTensorType::kQ8_0:
        encode_q8_0(values + i, out);
        break;
      default:
        throw std::invalid_argument(std::string("tensors are not written as ") + block.name);
    }
  }
}

}  // namespace rlhf
