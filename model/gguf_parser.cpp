#include "model/gguf_parser.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "model/gguf_quantization.h"

namespace rlhf {
namespace {

constexpr uint64_t kMaxKeys = 10'000;
constexpr uint64_t kMaxTensors = 100'000;
constexpr uint64_t kMaxNameBytes = 1024;
constexpr uint64_t kMaxAlignment = 65'536;
constexpr uint64_t kMaxDimensions = 4;

/// Bytes of one value; 0 for strings and arrays, which say so themselves, and nothing for an unknown type.
std::optional<uint64_t> width_of(GgufValueType type) {
  switch (type) {
    case GgufValueType::kUint8:
    case GgufValueType::kInt8:
    case GgufValueType::kBool:
      return 1;
    case GgufValueType::kUint16:
    case GgufValueType::kInt16:
      return 2;
    case GgufValueType::kUint32:
    case GgufValueType::kInt32:
    case GgufValueType::kFloat32:
      return 4;
    case GgufValueType::kUint64:
    case GgufValueType::kInt64:
    case GgufValueType::kFloat64:
      return 8;
    case GgufValueType::kString:
    case GgufValueType::kArray:
      return 0;
  }
  return std::nullopt;
}

/// Names of a hostile file must not break the terminal that shows them.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, 80));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = '?';
  }
  return out;
}

}  // namespace

template <typename T>
T GgufParser::read(const char* what) {
  const std::string_view bytes = read_bytes(sizeof(T), what);
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::string_view GgufParser::read_bytes(uint64_t count, const char* what) {
  if (count > remaining()) {
    file_.fail(std::string("truncated: ") + what + " at byte " + std::to_string(position_) + " takes " +
               std::to_string(count) + " bytes and the file has " + std::to_string(remaining()) + " more");
  }
  const std::string_view bytes = bytes_.substr(position_, count);
  position_ += count;
  return bytes;
}

std::string_view GgufParser::read_string(uint64_t limit, const char* what) {
  const auto length = read<uint64_t>(what);
  if (length > limit) file_.fail(std::string(what) + " claims " + std::to_string(length) + " bytes");
  return read_bytes(length, what);
}

void GgufParser::run() {
  if (!bytes_.starts_with(kGgufMagic)) file_.fail("not a GGUF file: it does not begin with \"GGUF\"");
  position_ = kGgufMagic.size();
  const auto version = read<uint32_t>("the version");
  if (version != 2 && version != kGgufVersion) {
    const bool swapped = version != 0 && (version & 0xffffu) == 0;
    file_.fail("GGUF version " + std::to_string(version) + " is not supported; versions 2 and 3 are" +
               (swapped ? " (this one looks big-endian)" : ""));
  }
  const auto tensors = read<uint64_t>("the number of tensors");
  const auto keys = read<uint64_t>("the number of metadata keys");
  if (tensors > kMaxTensors) file_.fail("claims " + std::to_string(tensors) + " tensors");
  if (keys > kMaxKeys) file_.fail("claims " + std::to_string(keys) + " metadata keys");
  for (uint64_t i = 0; i < keys; ++i) {
    const std::string key(read_string(kMaxNameBytes, "a metadata key"));
    read_value(key);
  }
  for (uint64_t i = 0; i < tensors; ++i) read_tensor();
  place_tensors(read_alignment());
  check_overlaps();
}

void GgufParser::skip_strings(uint64_t count, const std::string& key) {
  if (count > remaining() / sizeof(uint64_t)) {
    file_.fail("truncated or broken: " + printable(key) + " claims " + std::to_string(count) +
               " strings, more than the file holds");
  }
  for (uint64_t i = 0; i < count; ++i) read_string(UINT64_MAX, "a string");
}

void GgufParser::read_value(const std::string& key) {
  GgufFile::Value value{};
  value.type = static_cast<GgufValueType>(read<uint32_t>("the type of a value"));
  if (value.type == GgufValueType::kArray) {
    value.type = static_cast<GgufValueType>(read<uint32_t>("the type of an array"));
    value.count = read<uint64_t>("the length of an array");
  }
  const std::optional<uint64_t> width = width_of(value.type);
  if (!width || value.type == GgufValueType::kArray) {
    file_.fail("metadata key " + printable(key) + " has the unknown or nested type " +
               std::to_string(static_cast<uint32_t>(value.type)));
  }
  const uint64_t count = value.count.value_or(1), begin = position_;
  if (*width == 0) {
    skip_strings(count, key);
  } else {
    if (count > remaining() / *width)
      file_.fail("truncated or broken: the value of " + printable(key) + " is longer than the file");
    position_ += count * *width;
  }
  value.bytes = bytes_.substr(begin, position_ - begin);
  if (!file_.values_.emplace(key, value).second)
    file_.fail("metadata key " + printable(key) + " appears twice");
}

void GgufParser::read_tensor() {
  GgufTensor tensor;
  tensor.name = read_string(kMaxNameBytes, "the name of a tensor");
  const std::string name = "tensor " + printable(tensor.name);
  const auto dimensions = read<uint32_t>("the dimensions of a tensor");
  if (dimensions == 0 || dimensions > kMaxDimensions) {
    file_.fail(name + " has " + std::to_string(dimensions) + " dimensions; 1 to 4 are possible");
  }
  uint64_t elements = 1;
  for (uint32_t d = 0; d < dimensions; ++d) {
    const auto size = read<uint64_t>("the shape of a tensor");
    if (size == 0 || __builtin_mul_overflow(elements, size, &elements) || elements > uint64_t{1} << 48) {
      file_.fail(name + " has an impossible shape");
    }
    tensor.shape.push_back(static_cast<int64_t>(size));
  }
  const auto type = read<uint32_t>("the type of a tensor");
  const std::optional<GgufBlock> block = find_block(type);
  if (!block) {
    file_.fail(name + " has ggml type " + std::to_string(type) +
               ", which is not supported; F32, F16, BF16, Q8_0, Q4_0 and Q4_1 are");
  }
  if (static_cast<uint64_t>(tensor.shape[0]) % block->elements != 0) {
    file_.fail(name + " has rows of " + std::to_string(tensor.shape[0]) +
               " numbers, which are not whole blocks of " + block->name);
  }
  tensor.type = static_cast<GgufTensorType>(type);
  std::reverse(tensor.shape.begin(), tensor.shape.end());
  places_.push_back({read<uint64_t>("the offset of a tensor"), elements / block->elements * block->bytes});
  if (!file_.tensor_by_name_.emplace(tensor.name, file_.tensors_.size()).second)
    file_.fail(name + " appears twice");
  file_.tensors_.push_back(std::move(tensor));
}

uint64_t GgufParser::read_alignment() const {
  const auto alignment = static_cast<uint64_t>(file_.find_size("general.alignment", kMaxAlignment)
                                                   .value_or(static_cast<int64_t>(kGgufDefaultAlignment)));
  if (!std::has_single_bit(alignment)) {
    file_.fail("general.alignment is " + std::to_string(alignment) + ", which is not a power of two");
  }
  return alignment;
}

void GgufParser::place_tensors(uint64_t alignment) {
  if (places_.empty()) return;
  const uint64_t begin = (position_ + alignment - 1) / alignment * alignment;
  const uint64_t data_size = bytes_.size() > begin ? bytes_.size() - begin : 0;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const auto [offset, size] = places_[i];
    const std::string name = "tensor " + printable(file_.tensors_[i].name);
    if (offset % alignment != 0)
      file_.fail(name + " is not aligned to " + std::to_string(alignment) + " bytes");
    if (offset > data_size || size > data_size - offset) {
      file_.fail(name + " takes " + std::to_string(size) + " bytes from " + std::to_string(offset) +
                 " on, but the file has " + std::to_string(data_size) + " bytes of data; is it truncated?");
    }
    file_.tensors_[i].bytes = bytes_.substr(begin + offset, size);
  }
}

void GgufParser::check_overlaps() const {
  std::vector<const GgufTensor*> order;
  for (const GgufTensor& tensor : file_.tensors_) order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->bytes.data() < b->bytes.data(); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->bytes.data() + order[i - 1]->bytes.size() > order[i]->bytes.data()) {
      file_.fail("tensors " + printable(order[i - 1]->name) + " and " + printable(order[i]->name) +
                 " overlap");
    }
  }
}

}  // namespace rlhf
