#include "model/safetensors.h"

#include <cstring>
#include <random>

#include <torch/utils.h>

#include "contract/error.h"
#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

/// A file of a header and `data` zero bytes.
std::string file_of(const std::string& header, std::size_t data) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), 8) + header + std::string(data, '\0');
}

SafetensorsFile open_bytes(std::string bytes) {
  return SafetensorsFile::from_bytes(std::make_shared<const std::string>(std::move(bytes)),
                                     "hostile.safetensors");
}

std::string entry(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

}  // namespace

TEST_CASE("tensors come back as they were written, from a file and from bytes") {
  torch::manual_seed(1);
  const std::vector<NamedTensor> tensors = {
      {"half", torch::randn({3, 5}).to(torch::kBFloat16)},
      {"single", torch::randn({2, 3, 4})},
      {"double", torch::randn({7}, torch::kFloat64)},
      {"ids", torch::arange(5)},
      {"flag", torch::tensor({true, false, true})},
      {"scalar", torch::tensor(2.5f)},
      {"empty", torch::zeros({0, 4})},
      {"transposed", torch::randn({4, 6}).t()},
      {"quotes \" and \\ and \xc3\xa9", torch::ones({1})},
  };
  const test::TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", tensors, {{"note", "kept"}});
  const std::string bytes = safetensors_bytes(tensors, {{"note", "kept"}});
  CHECK(test::read_file(folder / "a.safetensors") == bytes);
  for (const SafetensorsFile& file : {SafetensorsFile::open(folder / "a.safetensors"), open_bytes(bytes)}) {
    CHECK(file.names().size() == tensors.size());
    CHECK(file.metadata() == std::map<std::string, std::string>{{"format", "pt"}, {"note", "kept"}});
    for (const NamedTensor& expected : tensors) {
      INFO(expected.name);
      CHECK(test::same_bits(file.tensor(expected.name), expected.tensor));
    }
  }
  CHECK_THROWS_AS(open_bytes(bytes).tensor("absent"), UserError);
}

TEST_CASE("a tensor outlives the file it came from") {
  const test::TemporaryFolder folder;
  write_safetensors(folder / "a.safetensors", {{"x", torch::arange(1000)}});
  const torch::Tensor x = SafetensorsFile::open(folder / "a.safetensors").tensor("x");
  std::filesystem::remove(folder / "a.safetensors");
  CHECK(torch::equal(x, torch::arange(1000)));
}

TEST_CASE("the header is aligned and wide types come first, as the reference writer lays them out") {
  const std::string bytes = safetensors_bytes(
      {{"a", torch::ones({3}, torch::kUInt8)}, {"z", torch::ones({2})}, {"b", torch::ones({1})}});
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  CHECK((8 + header) % 64 == 0);
  const auto json = nlohmann::json::parse(bytes.substr(8, header));
  CHECK(json["b"]["data_offsets"] == nlohmann::json({0, 4}));
  CHECK(json["z"]["data_offsets"] == nlohmann::json({4, 12}));
  CHECK(json["a"]["data_offsets"] == nlohmann::json({12, 15}));
}

TEST_CASE("tensors at odd places are read") {
  const std::string data = "\x01\x02\x00\x00\x80\x3f";
  std::string bytes = file_of(
      R"({"a":)" + entry("U8", "[2]", "[0,2]") + R"(,"b":)" + entry("F32", "[1]", "[2,6]") + "}  ", 0);
  bytes += std::string("\x01\x02\x00\x00\x80\x3f", 6);
  CHECK(open_bytes(bytes).tensor("b").item<float>() == 1.0f);
}

TEST_CASE("a malformed file is refused with its name and what is wrong") {
  const std::string good = entry("F32", "[2]", "[0,8]");
  struct Case {
    std::string bytes, message;
  };
  const uint64_t huge = ~uint64_t{0};
  const std::vector<Case> cases = {
      {"", "too short"},
      {"1234567", "too short"},
      {std::string(reinterpret_cast<const char*>(&huge), 8) + "{}", "truncated"},
      {file_of("{", 0), "JSON"},
      {file_of("[]", 0), "not a JSON object"},
      {file_of("{\"\xff\":1}", 0), "JSON"},
      {file_of(R"({"a":)" + good + "}", 7), "outside"},                 // truncated data
      {file_of(R"({"a":)" + good + "}", 9), "follow the last tensor"},  // trailing data
      {file_of(R"({"a":)" + good + R"(,"a":)" + good + "}", 8), "twice"},
      {file_of(R"({"a":)" + good + R"(,"b":)" + good + "}", 8), "overlap"},
      {file_of(R"({"a":)" + good + R"(,"b":)" + entry("F32", "[2]", "[4,12]") + "}", 12), "overlap"},
      {file_of(R"({"a":)" + good + R"(,"b":)" + entry("F32", "[1]", "[12,16]") + "}", 16), "hole"},
      {file_of(R"({"a":)" + entry("F32", "[1]", "[4,8]") + "}", 8), "hole"},
      {file_of(R"({"a":)" + entry("F33", "[2]", "[0,8]") + "}", 8), "unknown"},
      {file_of(R"({"a":)" + entry("F32", "[3]", "[0,8]") + "}", 8), "does not fill"},
      {file_of(R"({"a":)" + entry("F4", "[3]", "[0,1]") + "}", 1), "does not fill"},
      {file_of(R"({"a":)" + entry("F32", "[-2]", "[0,8]") + "}", 8), "not a size"},
      {file_of(R"({"a":)" + entry("F32", "[2.0]", "[0,8]") + "}", 8), "not a size"},
      {file_of(R"({"a":)" + entry("F32", "[4611686018427387905]", "[0,8]") + "}", 8), "not a size"},
      {file_of(R"({"a":)" + entry("F32", "[2147483648,2147483648,2147483648]", "[0,8]") + "}", 8),
       "overflows"},
      {file_of(R"({"a":)" + entry("F32", "[4294967296,4294967296]", "[0,0]") + "}", 0), "overflows"},
      {file_of(R"({"a":)" + entry("F32", "[2]", "[8,0]") + "}", 8), "outside"},
      {file_of(R"({"a":)" + entry("F32", "[2]", "[0,18446744073709551615]") + "}", 8), "not a size"},
      {file_of(R"({"a":)" + entry("F32", "[2]", "[0]") + "}", 8), "two numbers"},
      {file_of(R"({"a":)" + entry("F32", "2", "[0,8]") + "}", 8), "lists"},
      {file_of(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "data_offsets"},
      {file_of(R"({"a":5})", 8), "not an object"},
      {file_of(R"({"__metadata__":{"a":1}})", 0), "__metadata__"},
      {file_of(R"({"__metadata__":[1]})", 0), "__metadata__"},
      {file_of(R"({"a":)" + std::string(1000, '[') + std::string(1000, ']') + "}", 0), "nested"},
      {file_of(std::string("{}\0", 3), 0), "JSON"},
  };
  for (const Case& hostile : cases) {
    INFO(hostile.bytes.substr(0, 200));
    try {
      open_bytes(hostile.bytes);
      FAIL("accepted, but expected: " << hostile.message);
    } catch (const UserError& error) {
      CHECK_THAT(error.what(), test::contains("hostile.safetensors"));
      CHECK_THAT(error.what(), test::contains(hostile.message));
    }
  }
  CHECK_THROWS_AS(SafetensorsFile::open("/no/such/file.safetensors"), UserError);
  CHECK_THROWS_AS(SafetensorsFile::open("/tmp"), UserError);
}

TEST_CASE("what the reference reader accepts is accepted") {
  CHECK(open_bytes(file_of("{}", 0)).names().empty());
  CHECK(open_bytes(file_of("{}      ", 0)).names().empty());
  CHECK(open_bytes(file_of(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"more":1}})", 4)).has("a"));
  const SafetensorsFile eight = open_bytes(file_of(R"({"a":)" + entry("F8_E4M3", "[4]", "[0,4]") + "}", 4));
  CHECK_THROWS_WITH(eight.tensor("a"), test::contains("F8_E4M3"));
}

TEST_CASE("mutated files are read or refused, never worse") {
  const std::string good = safetensors_bytes(
      {{"a", torch::ones({4, 3})}, {"b", torch::arange(6)}, {"c", torch::ones({5}, torch::kUInt8)}});
  std::mt19937 random(17);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = good;
    for (std::size_t i = 0; i <= below(3); ++i) {
      const std::size_t place =
          below(2) ? below(bytes.size()) : below(std::min<std::size_t>(bytes.size(), 300));
      switch (below(4)) {
        case 0:
          bytes[place] = static_cast<char>(random());
          break;
        case 1:
          bytes[place] = "0123456789[]{},:\"-"[below(18)];
          break;
        case 2:
          bytes.erase(place, 1 + below(8));
          break;
        default:
          bytes.insert(place, 1 + below(4), static_cast<char>('0' + below(10)));
      }
      if (bytes.empty()) break;
    }
    try {
      const SafetensorsFile file = open_bytes(bytes);
      for (const std::string& name : file.names()) file.tensor(name);
    } catch (const UserError&) {
    }
  }
}

}  // namespace rlhf
