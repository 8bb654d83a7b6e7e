#include "model/gguf_reader.h"

#include "contract/error.h"
#include "tests/model/gguf_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {
namespace {

using test::contains;
using test::GgufBytes;

constexpr uint32_t kUint32 = 4, kInt32 = 5, kString = 8, kArray = 9, kF32 = 0;

std::string refusal(const GgufBytes& bytes) {
  try {
    bytes.open();
  } catch (const UserError& error) {
    return error.what();
  }
  return "opened";
}

GgufBytes with_tensor(const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset,
                      std::size_t data) {
  return GgufBytes().head(1, 0).tensor("w", dimensions, type, offset).data(data);
}

}  // namespace

TEST_CASE("values and tensors of a GGUF file are found by name") {
  GgufBytes bytes;
  bytes.head(1, 3);
  bytes.text("a.size").number(kUint32).number(uint32_t{7});
  bytes.text("a.text").number(kString).text("héllo");
  bytes.text("a.list")
      .number(kArray)
      .number(kInt32)
      .number(uint64_t{2})
      .number(int32_t{-1})
      .number(int32_t{5});
  bytes.tensor("w", {2, 3}, kF32, 0).data(24);
  const GgufFile file = bytes.open();
  CHECK(file.size("a.size", 100) == 7);
  CHECK(file.number("a.size") == 7.0);
  CHECK(file.text("a.text") == "héllo");
  CHECK(file.integers("a.list", 10) == std::vector<int64_t>{-1, 5});
  CHECK(file.find_tensor("w")->shape == std::vector<int64_t>{3, 2});
  CHECK(file.find_tensor("w")->elements() == 6);
  CHECK(file.find_tensor("v") == nullptr);
  CHECK_THROWS_WITH(file.size("a.size", 6), contains("a.size is 7"));
  CHECK_THROWS_WITH(file.size("a.text", 6), contains("a.text is not an integer"));
  CHECK_THROWS_WITH(file.text("a.size"), contains("a.size is not a string"));
  CHECK_THROWS_WITH(file.text("b"), contains("x.gguf: the metadata has no b"));
  CHECK_THROWS_WITH(file.integers("a.list", 1), contains("2 items"));
  CHECK_THROWS_WITH(file.texts("a.list", 9), contains("not a list of strings"));
}

TEST_CASE("a file that is no GGUF of a known version is refused") {
  CHECK(refusal(GgufBytes()) == "x.gguf: not a GGUF file: it does not begin with \"GGUF\"");
  CHECK_THAT(refusal(GgufBytes().raw("GGML")), contains("not a GGUF file"));
  CHECK_THAT(refusal(GgufBytes().head(0, 0, 1)), contains("version 1 is not supported"));
  CHECK_THAT(refusal(GgufBytes().head(0, 0, 0x03000000)), contains("big-endian"));
  CHECK_THAT(refusal(GgufBytes().raw("GGUF").number(uint32_t{3})), contains("truncated"));
}

TEST_CASE("absurd counts are refused before anything is allocated") {
  constexpr uint64_t kHuge = ~uint64_t{0} / 2;
  CHECK_THAT(refusal(GgufBytes().head(kHuge, 0)), contains("tensors"));
  CHECK_THAT(refusal(GgufBytes().head(0, kHuge)), contains("metadata keys"));
  CHECK_THAT(refusal(GgufBytes().head(50'000, 0)), contains("truncated"));
  CHECK_THAT(refusal(GgufBytes().head(0, 1).number(kHuge).raw("abc")), contains("a metadata key claims"));
  GgufBytes key;
  key.head(0, 1).text("k");
  CHECK_THAT(refusal(GgufBytes(key).number(kString).number(kHuge)), contains("truncated"));
  for (const uint32_t item : {kUint32, kString}) {
    CHECK_THAT(refusal(GgufBytes(key).number(kArray).number(item).number(kHuge)), contains("k"));
  }
  CHECK_THAT(
      refusal(GgufBytes(key).number(kArray).number(kString).number(uint64_t{2}).text("a").number(kHuge)),
      contains("truncated"));
}

TEST_CASE("unknown and nested value types are refused") {
  GgufBytes key;
  key.head(0, 1).text("k");
  CHECK_THAT(refusal(GgufBytes(key).number(uint32_t{13}).data(64)), contains("type 13"));
  CHECK_THAT(refusal(GgufBytes(key).number(kArray).number(kArray).number(uint64_t{1}).data(64)),
             contains("nested"));
}

TEST_CASE("keys and tensors that appear twice are refused") {
  GgufBytes keys;
  keys.head(0, 2);
  for (int i = 0; i < 2; ++i) keys.text("k\n").number(kUint32).number(uint32_t{1});
  CHECK_THAT(refusal(keys), contains("k? appears twice"));
  GgufBytes tensors;
  tensors.head(2, 0).tensor("w", {8}, kF32, 0).tensor("w", {8}, kF32, 32).data(64);
  CHECK_THAT(refusal(tensors), contains("tensor w appears twice"));
}

TEST_CASE("impossible tensors are refused") {
  CHECK(refusal(with_tensor({8}, kF32, 0, 32)) == "opened");
  CHECK_THAT(refusal(with_tensor({}, kF32, 0, 32)), contains("0 dimensions"));
  CHECK_THAT(refusal(with_tensor({1, 1, 1, 1, 1}, kF32, 0, 32)), contains("5 dimensions"));
  CHECK_THAT(refusal(with_tensor({0}, kF32, 0, 32)), contains("impossible shape"));
  CHECK_THAT(refusal(with_tensor({uint64_t{1} << 63, 4}, kF32, 0, 32)), contains("impossible shape"));
  CHECK_THAT(refusal(with_tensor({uint64_t{1} << 32, uint64_t{1} << 32}, kF32, 0, 32)),
             contains("impossible shape"));
  CHECK_THAT(refusal(with_tensor({256}, 12, 0, 4096)), contains("ggml type 12"));
  CHECK_THAT(refusal(with_tensor({33}, 8, 0, 4096)), contains("whole blocks of Q8_0"));
}

TEST_CASE("tensors outside of the file, unaligned or on top of one another are refused") {
  CHECK_THAT(refusal(with_tensor({9}, kF32, 0, 32)), contains("truncated"));
  CHECK_THAT(refusal(with_tensor({8}, kF32, 32, 32)), contains("truncated"));
  CHECK_THAT(refusal(with_tensor({8}, kF32, ~uint64_t{31}, 32)), contains("truncated"));
  CHECK_THAT(refusal(with_tensor({1}, kF32, 4, 32)), contains("not aligned to 32"));
  GgufBytes overlapping;
  overlapping.head(2, 0).tensor("v", {16}, kF32, 0).tensor("w", {8}, kF32, 32).data(64);
  CHECK_THAT(refusal(overlapping), contains("tensors v and w overlap"));
}

TEST_CASE("the alignment comes from the file and must be a power of two") {
  const auto aligned = [](uint32_t alignment) {
    GgufBytes bytes;
    bytes.head(1, 1).text("general.alignment").number(kUint32).number(alignment).tensor("w", {1}, kF32, 8);
    return refusal(bytes.data(64));
  };
  CHECK(aligned(8) == "opened");
  CHECK_THAT(aligned(16), contains("not aligned to 16"));
  CHECK_THAT(aligned(0), contains("power of two"));
  CHECK_THAT(aligned(24), contains("power of two"));
  CHECK_THAT(aligned(1u << 30), contains("general.alignment"));
}

TEST_CASE("every prefix of a GGUF file is refused") {
  const std::string whole = test::read_file(test::fixture("model/gguf/qwen2.gguf"));
  for (std::size_t size = 0; size + 32 < whole.size(); size += 1 + size / 20) {  // the last 32 may be padding
    CHECK_THROWS_AS(GgufBytes().raw(whole.substr(0, size)).open(), UserError);
  }
}

}  // namespace rlhf
