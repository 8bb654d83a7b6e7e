#include "model/gguf_writer.h"

#include <fstream>
#include <stdexcept>
#include <type_traits>

#include "contract/error.h"
#include "model/gguf_quantization.h"

namespace rlhf {
namespace {

template <typename T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& out, const std::string& text) {
  append<uint64_t>(out, text.size());
  out += text;
}

void append_type(std::string& out, GgufValueType type) {
  append(out, static_cast<uint32_t>(type));
}

template <typename T>
constexpr GgufValueType type_of() {
  if constexpr (std::is_same_v<T, bool>) return GgufValueType::kBool;
  if constexpr (std::is_same_v<T, uint32_t>) return GgufValueType::kUint32;
  if constexpr (std::is_same_v<T, uint64_t>) return GgufValueType::kUint64;
  if constexpr (std::is_same_v<T, int32_t>) return GgufValueType::kInt32;
  if constexpr (std::is_same_v<T, float>) return GgufValueType::kFloat32;
  return GgufValueType::kString;
}

template <typename T>
void append_one(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    append_string(out, value);
  } else {
    append(out, value);
  }
}

template <typename T>
void append_value(std::string& out, const T& value) {
  append_type(out, type_of<T>());
  append_one(out, value);
}

template <typename T>
void append_value(std::string& out, const std::vector<T>& values) {
  append_type(out, GgufValueType::kArray);
  append_type(out, type_of<T>());
  append<uint64_t>(out, values.size());
  for (const T& value : values) append_one(out, value);
}

uint64_t element_count(const GgufTensorToWrite& tensor) {
  uint64_t count = 1;
  for (const int64_t size : tensor.shape) count *= static_cast<uint64_t>(size);
  return count;
}

uint64_t byte_count(const GgufTensorToWrite& tensor) {
  const GgufBlock block = block_of(tensor.type);
  if (tensor.shape.empty() || static_cast<uint64_t>(tensor.shape.back()) % block.elements != 0) {
    throw std::invalid_argument("the rows of " + tensor.name + " are not whole blocks of " + block.name);
  }
  return element_count(tensor) / block.elements * block.bytes;
}

uint64_t padding_after(uint64_t size) {
  return (kGgufDefaultAlignment - size % kGgufDefaultAlignment) % kGgufDefaultAlignment;
}

std::string make_head(const GgufMetadata& metadata, const std::vector<GgufTensorToWrite>& tensors) {
  std::string head(kGgufMagic);
  append(head, kGgufVersion);
  append<uint64_t>(head, tensors.size());
  append<uint64_t>(head, metadata.size());
  for (const auto& [key, value] : metadata) {
    append_string(head, key);
    std::visit([&](const auto& held) { append_value(head, held); }, value);
  }
  uint64_t offset = 0;
  for (const GgufTensorToWrite& tensor : tensors) {
    append_string(head, tensor.name);
    append(head, static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
      append(head, static_cast<uint64_t>(*size));
    }
    append(head, static_cast<uint32_t>(tensor.type));
    append(head, offset);
    const uint64_t bytes = byte_count(tensor);
    offset += bytes + padding_after(bytes);
  }
  head.append(padding_after(head.size()), '\0');
  return head;
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                const std::vector<GgufTensorToWrite>& tensors) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const auto write = [&](const std::string& bytes) {
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!file) throw WorldError(path.string() + ": cannot be written; is the disk full?");
  };
  write(make_head(metadata, tensors));
  for (const GgufTensorToWrite& tensor : tensors) {
    const std::vector<float> values = tensor.values();
    if (values.size() != element_count(tensor)) {
      throw std::invalid_argument("the numbers of " + tensor.name + " do not fill its shape");
    }
    const uint64_t size = byte_count(tensor);
    std::string bytes(size + padding_after(size), '\0');
    quantize(tensor.type, values.data(), values.size(), bytes.data());
    write(bytes);
  }
  file.close();
  if (!file) throw WorldError(path.string() + ": cannot be written; is the disk full?");
}

}  // namespace rlhf
