#include "model/gguf_reader.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "contract/error.h"
#include "model/gguf_parser.h"
#include "model/gguf_quantization.h"
#include "model/mapped_file.h"

namespace rlhf {
namespace {

template <typename T>
T load(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// An integer of any width; nothing for other types and for what does not fit.
std::optional<int64_t> as_integer(GgufValueType type, const char* bytes) {
  switch (type) {
    case GgufValueType::kUint8:
      return load<uint8_t>(bytes);
    case GgufValueType::kInt8:
      return load<int8_t>(bytes);
    case GgufValueType::kUint16:
      return load<uint16_t>(bytes);
    case GgufValueType::kInt16:
      return load<int16_t>(bytes);
    case GgufValueType::kUint32:
      return load<uint32_t>(bytes);
    case GgufValueType::kInt32:
      return load<int32_t>(bytes);
    case GgufValueType::kInt64:
      return load<int64_t>(bytes);
    case GgufValueType::kUint64: {
      const auto value = load<uint64_t>(bytes);
      if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return static_cast<int64_t>(value);
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

uint64_t integer_width(GgufValueType type) {
  switch (type) {
    case GgufValueType::kUint8:
    case GgufValueType::kInt8:
      return 1;
    case GgufValueType::kUint16:
    case GgufValueType::kInt16:
      return 2;
    case GgufValueType::kUint64:
    case GgufValueType::kInt64:
      return 8;
    default:
      return 4;
  }
}

GgufFile parse(GgufFile file, std::string_view bytes) {
  GgufParser(file, bytes).run();
  return file;
}

}  // namespace

uint64_t GgufTensor::elements() const {
  const GgufBlock block = block_of(type);
  return bytes.size() / block.bytes * block.elements;
}

void GgufTensor::read(float* out) const {
  dequantize(type, bytes.data(), out, elements());
}

GgufFile GgufFile::open(const std::filesystem::path& path) {
  const auto mapping = std::make_shared<const MappedFile>(path);
  GgufFile file;
  file.where_ = path.string();
  file.owner_ = mapping;
  return parse(std::move(file), mapping->bytes());
}

GgufFile GgufFile::from_bytes(std::shared_ptr<const std::string> bytes, const std::string& where) {
  GgufFile file;
  file.where_ = where;
  file.owner_ = bytes;
  return parse(std::move(file), *bytes);
}

void GgufFile::fail(const std::string& what) const {
  throw UserError(where_ + ": " + what);
}

const GgufFile::Value& GgufFile::value(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) fail("the metadata has no " + key);
  return found->second;
}

bool GgufFile::is_array(const std::string& key) const {
  return value(key).count.has_value();
}

std::string GgufFile::text(const std::string& key) const {
  const Value& found = value(key);
  if (found.type != GgufValueType::kString || found.count) fail(key + " is not a string");
  return std::string(found.bytes.substr(sizeof(uint64_t)));
}

std::string GgufFile::text(const std::string& key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

int64_t GgufFile::size(const std::string& key, int64_t limit) const {
  const Value& found = value(key);
  const std::optional<int64_t> integer =
      found.count ? std::nullopt : as_integer(found.type, found.bytes.data());
  if (!integer) fail(key + " is not an integer");
  if (*integer < 0 || *integer > limit) {
    fail(key + " is " + std::to_string(*integer) + ", which is not between 0 and " + std::to_string(limit));
  }
  return *integer;
}

std::optional<int64_t> GgufFile::find_size(const std::string& key, int64_t limit) const {
  return has(key) ? std::optional(size(key, limit)) : std::nullopt;
}

double GgufFile::number(const std::string& key) const {
  const Value& found = value(key);
  double number = std::numeric_limits<double>::quiet_NaN();
  if (!found.count && found.type == GgufValueType::kFloat32) number = load<float>(found.bytes.data());
  if (!found.count && found.type == GgufValueType::kFloat64) number = load<double>(found.bytes.data());
  if (!found.count) {
    if (const auto integer = as_integer(found.type, found.bytes.data()))
      number = static_cast<double>(*integer);
  }
  if (!std::isfinite(number)) fail(key + " is not a finite number");
  return number;
}

double GgufFile::number(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool GgufFile::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  const Value& found = value(key);
  if (found.type != GgufValueType::kBool || found.count) fail(key + " is not true or false");
  return found.bytes[0] != 0;
}

std::vector<std::string> GgufFile::texts(const std::string& key, uint64_t limit) const {
  const Value& found = value(key);
  if (found.type != GgufValueType::kString || !found.count) fail(key + " is not a list of strings");
  if (*found.count > limit) fail(key + " has " + std::to_string(*found.count) + " items");
  std::vector<std::string> texts;
  texts.reserve(*found.count);
  const char* at = found.bytes.data();
  for (uint64_t i = 0; i < *found.count; ++i) {
    const auto length = load<uint64_t>(at);
    texts.emplace_back(at + sizeof length, length);
    at += sizeof length + length;
  }
  return texts;
}

std::vector<int64_t> GgufFile::integers(const std::string& key, uint64_t limit) const {
  const Value& found = value(key);
  if (!found.count) fail(key + " is not a list of integers");
  if (*found.count > limit) fail(key + " has " + std::to_string(*found.count) + " items");
  std::vector<int64_t> integers;
  integers.reserve(*found.count);
  for (uint64_t i = 0; i < *found.count; ++i) {
    const auto integer = as_integer(found.type, found.bytes.data() + i * integer_width(found.type));
    if (!integer) fail(key + " is not a list of integers");
    integers.push_back(*integer);
  }
  return integers;
}

const GgufTensor* GgufFile::find_tensor(const std::string& name) const {
  const auto found = tensor_by_name_.find(name);
  return found == tensor_by_name_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace rlhf
