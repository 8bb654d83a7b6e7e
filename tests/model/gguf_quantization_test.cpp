#include "model/gguf_quantization.h"

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {
namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

nlohmann::json cases() {
  return nlohmann::json::parse(test::read_file(test::fixture("model/gguf/blocks.json")));
}

}  // namespace

TEST_CASE("blocks decode to the numbers that gguf-py finds in them") {
  REQUIRE(cases().size() == 6);
  for (const auto& entry : cases()) {
    INFO(entry["name"]);
    const std::string bytes = from_hex(entry["bytes"]);
    const auto expected = entry["decoded"].get<std::vector<float>>();
    const auto type = static_cast<GgufTensorType>(entry["type"].get<uint32_t>());
    REQUIRE(bytes.size() == expected.size() / block_of(type).elements * block_of(type).bytes);
    std::vector<float> decoded(expected.size());
    dequantize(type, bytes.data(), decoded.data(), decoded.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      INFO(i);
      CHECK(decoded[i] == Approx(expected[i]).epsilon(1e-6));
    }
  }
}

TEST_CASE("numbers encode to the bytes that gguf-py makes of them") {
  for (const auto& entry : cases()) {
    const std::string name = entry["name"];
    if (name.starts_with("Q4")) continue;
    INFO(name);
    const auto values = entry["values"].get<std::vector<float>>();
    const std::string expected = from_hex(entry["bytes"]);
    std::string bytes(expected.size(), '\0');
    quantize(static_cast<GgufTensorType>(entry["type"].get<uint32_t>()), values.data(), values.size(),
             bytes.data());
    CHECK(bytes == expected);
  }
}

TEST_CASE("every half survives the way to float and back") {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      CHECK(std::isnan(half_to_float(float_to_half(value))));
    } else if (float_to_half(value) != half) {
      FAIL("half " << bits << " came back as " << float_to_half(value));
    }
  }
}

TEST_CASE("halves and bfloat16 round to nearest, ties to even, at every border") {
  CHECK(float_to_half(1.0f + 0x1p-11f) == 0x3c00);             // a tie goes to the even neighbour below
  CHECK(float_to_half(1.0f + 3 * 0x1p-11f) == 0x3c02);         // and above
  CHECK(float_to_half(1.0f + 0x1p-11f + 0x1p-20f) == 0x3c01);  // just past it
  CHECK(float_to_half(65519.0f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(-1e30f) == 0xfc00);
  CHECK(float_to_half(0x1p-25f) == 0x0000);
  CHECK(float_to_half(0x1.8p-25f) == 0x0001);
  CHECK(float_to_half(0x1.ffbp-15f) == 0x03ff);  // 1023.375 steps of 2^-24
  CHECK(float_to_half(0x1.ffcp-15f) == 0x0400);  // 1023.5, a tie: even is the smallest normal
  CHECK(float_to_half(0x1.ff4p-15f) == 0x03fe);  // 1022.5, a tie
  CHECK(float_to_half(-0.0f) == 0x8000);
  CHECK(float_to_bfloat16(1.0f + 0x1p-8f) == 0x3f80);
  CHECK(float_to_bfloat16(1.0f + 3 * 0x1p-8f) == 0x3f82);
  CHECK(float_to_bfloat16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(std::isnan(bfloat16_to_float(float_to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace rlhf
