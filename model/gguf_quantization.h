#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/gguf_format.h"

namespace rlhf {

/// Numbers come in blocks of `elements` that take `bytes`. Rows are whole blocks.
struct GgufBlock {
  const char* name;  ///< as ggml calls the type
  uint64_t elements;
  uint64_t bytes;
};

/// Nothing for a type number that is not one of GgufTensorType's.
std::optional<GgufBlock> find_block(uint32_t type);
GgufBlock block_of(GgufTensorType type);

/// IEEE binary16 and bfloat16 as bits; to_* round to nearest, ties to even, and keep NaN.
float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);
float bfloat16_to_float(uint16_t bits);
uint16_t float_to_bfloat16(float value);

/// `count` numbers, a whole number of blocks, from their bytes.
void dequantize(GgufTensorType type, const char* bytes, float* out, uint64_t count);
/// The inverse, for F32, F16, BF16 and Q8_0, with ggml's own rounding. Throws std::invalid_argument for
/// others.
void quantize(GgufTensorType type, const float* values, uint64_t count, char* out);

}  // namespace rlhf
