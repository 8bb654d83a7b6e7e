#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/gguf_reader.h"

namespace rlhf::test {

/// Builds the bytes of a GGUF file piece by piece, so that a test can get any piece wrong.
class GgufBytes {
 public:
  template <typename T>
  GgufBytes& number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  GgufBytes& raw(const std::string& text) {
    bytes_ += text;
    return *this;
  }
  GgufBytes& text(const std::string& value) { return number<uint64_t>(value.size()).raw(value); }
  GgufBytes& head(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return raw("GGUF").number(version).number(tensors).number(keys);
  }
  GgufBytes& tensor(const std::string& name, const std::vector<uint64_t>& dimensions, uint32_t type,
                    uint64_t offset) {
    text(name).number(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t size : dimensions) number(size);
    return number(type).number(offset);
  }
  GgufBytes& data(std::size_t size) {
    bytes_.resize((bytes_.size() + 31) / 32 * 32 + size);
    return *this;
  }

  const std::string& bytes() const { return bytes_; }
  GgufFile open() const {
    return GgufFile::from_bytes(std::make_shared<const std::string>(bytes_), "x.gguf");
  }

 private:
  std::string bytes_;
};

}  // namespace rlhf::test
