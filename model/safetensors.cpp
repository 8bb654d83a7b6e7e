#include "model/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "model/config_reader.h"
#include "model/mapped_file.h"

namespace rlhf {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

using nlohmann::ordered_json;

constexpr uint64_t kHeaderLimit = 100'000'000;  // the reference reader's
constexpr uint64_t kLengthBytes = 8;
constexpr uint64_t kAlignment = 64;  // of LibTorch's own tensors; the reference writer's is 8

struct Dtype {
  const char* name;
  uint64_t bits;
  std::optional<torch::ScalarType> torch_type;  // none: known to the format, but not read by us
};

constexpr Dtype kDtypes[] = {
    {"F64", 64, torch::kFloat64},
    {"F32", 32, torch::kFloat32},
    {"F16", 16, torch::kFloat16},
    {"BF16", 16, torch::kBFloat16},
    {"I64", 64, torch::kInt64},
    {"I32", 32, torch::kInt32},
    {"I16", 16, torch::kInt16},
    {"I8", 8, torch::kInt8},
    {"U8", 8, torch::kUInt8},
    {"BOOL", 8, torch::kBool},
    {"U16", 16, {}},
    {"U32", 32, {}},
    {"U64", 64, {}},
    {"C64", 64, {}},
    {"F8_E4M3", 8, {}},
    {"F8_E5M2", 8, {}},
    {"F8_E4M3FNUZ", 8, {}},
    {"F8_E5M2FNUZ", 8, {}},
    {"F8_E8M0", 8, {}},
    {"F6_E2M3", 6, {}},
    {"F6_E3M2", 6, {}},
    {"F4", 4, {}},
};

const Dtype* find_dtype(const std::string& name) {
  for (const Dtype& dtype : kDtypes) {
    if (name == dtype.name) return &dtype;
  }
  return nullptr;
}

const Dtype& dtype_of(torch::ScalarType type, const std::string& name) {
  for (const Dtype& dtype : kDtypes) {
    if (dtype.torch_type == type) return dtype;
  }
  throw std::invalid_argument("tensor " + name + " has a type that safetensors cannot hold");
}

struct Entry {
  const Dtype* dtype = nullptr;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

/// Non-negative integer below 2^62, so that a sum of two never wraps.
uint64_t header_integer(const ordered_json& json, const ConfigReader& reader) {
  constexpr uint64_t kLimit = uint64_t{1} << 62;
  if (!json.is_number_unsigned() || json.get<uint64_t>() >= kLimit)
    reader.fail(json.dump() + " is not a size");
  return json.get<uint64_t>();
}

Entry parse_entry(const ConfigReader& reader, uint64_t buffer_size) {
  Entry entry;
  const std::string dtype = reader.text("dtype");
  entry.dtype = find_dtype(dtype);
  if (!entry.dtype) reader.fail("dtype \"" + dtype + "\" is unknown");
  const ordered_json &shape = reader.value("shape"), &offsets = reader.value("data_offsets");
  if (!shape.is_array() || !offsets.is_array() || offsets.size() != 2) {
    reader.fail("shape and data_offsets must be lists, the latter of two numbers");
  }
  uint64_t elements = 1;
  for (const ordered_json& dimension : shape) {
    const uint64_t size = header_integer(dimension, reader);
    if (__builtin_mul_overflow(elements, size, &elements) || elements >= uint64_t{1} << 56) {
      reader.fail("the shape " + shape.dump() + " overflows");
    }
    entry.shape.push_back(static_cast<int64_t>(size));
  }
  entry.begin = header_integer(offsets[0], reader);
  entry.end = header_integer(offsets[1], reader);
  if (entry.begin > entry.end || entry.end > buffer_size) {
    reader.fail("data_offsets " + offsets.dump() + " lie outside the file's " + std::to_string(buffer_size) +
                " bytes of data");
  }
  const uint64_t bits = elements * entry.dtype->bits;
  if (bits % 8 != 0 || bits / 8 != entry.end - entry.begin) {
    reader.fail("shape " + shape.dump() + " of " + dtype + " does not fill data_offsets " + offsets.dump());
  }
  return entry;
}

/// Tensors must tile the buffer: no hole, no overlap, nothing after the last.
void check_tiling(const std::map<std::string, Entry>& entries, uint64_t buffer_size,
                  const std::string& where) {
  std::vector<const std::pair<const std::string, Entry>*> order;
  for (const auto& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  uint64_t expected = 0;
  for (const auto* entry : order) {
    if (entry->second.begin != expected) {
      throw UserError(where + ": tensor " + entry->first + " begins at byte " +
                      std::to_string(entry->second.begin) + " of the data, but " + std::to_string(expected) +
                      " was expected: tensors " +
                      (entry->second.begin < expected ? "overlap" : "leave a hole"));
    }
    expected = entry->second.end;
  }
  if (expected != buffer_size) {
    throw UserError(where + ": " + std::to_string(buffer_size - expected) + " bytes follow the last tensor");
  }
}

}  // namespace

struct SafetensorsFile::Contents {
  std::string where;
  std::shared_ptr<const void> owner;  // of the bytes
  std::string_view data;              // after the header
  std::map<std::string, Entry> entries;
  std::map<std::string, std::string> metadata;

  Contents(std::string where_, std::shared_ptr<const void> owner_, std::string_view bytes)
      : where(std::move(where_)), owner(std::move(owner_)) {
    if (bytes.size() < kLengthBytes) throw UserError(where + ": too short for a safetensors file");
    uint64_t header_size = 0;
    std::memcpy(&header_size, bytes.data(), kLengthBytes);
    if (header_size > kHeaderLimit || header_size > bytes.size() - kLengthBytes) {
      throw UserError(where + ": the header claims " + std::to_string(header_size) +
                      " bytes: truncated, or not a safetensors file");
    }
    data = bytes.substr(kLengthBytes + header_size);
    parse_header(bytes.substr(kLengthBytes, header_size));
    check_tiling(entries, data.size(), where);
  }

  void parse_header(std::string_view text) {
    const ordered_json header = parse_json_object(text, where);
    for (const auto& [name, value] : header.items()) {
      if (name == "__metadata__") {
        for (const auto& [key, entry] : value.items()) {
          if (!value.is_object() || !entry.is_string())
            throw UserError(where + ": __metadata__ holds more than strings");
          metadata[key] = entry.get<std::string>();
        }
      } else {
        if (!value.is_object())
          throw UserError(where + ": the entry of tensor " + name + " is not an object");
        entries.emplace(name, parse_entry(ConfigReader(value, where + ": tensor " + name), data.size()));
      }
    }
  }
};

SafetensorsFile SafetensorsFile::open(const std::filesystem::path& path) {
  const auto mapping = std::make_shared<const MappedFile>(path);
  SafetensorsFile file;
  file.contents_ = std::make_shared<const Contents>(path.string(), mapping, mapping->bytes());
  return file;
}

SafetensorsFile SafetensorsFile::from_bytes(std::shared_ptr<const std::string> bytes,
                                            const std::string& where) {
  SafetensorsFile file;
  file.contents_ = std::make_shared<const Contents>(where, bytes, *bytes);
  return file;
}

bool SafetensorsFile::has(const std::string& name) const {
  return contents_->entries.contains(name);
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : contents_->entries) names.push_back(name);
  return names;
}

const std::map<std::string, std::string>& SafetensorsFile::metadata() const {
  return contents_->metadata;
}

torch::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = contents_->entries.find(name);
  if (found == contents_->entries.end()) throw UserError(contents_->where + ": no tensor " + name);
  const Entry& entry = found->second;
  if (!entry.dtype->torch_type) {
    throw UserError(contents_->where + ": tensor " + name + " has dtype " + entry.dtype->name +
                    ", which is not supported");
  }
  const auto options = torch::dtype(*entry.dtype->torch_type);
  const uint64_t bytes = entry.end - entry.begin;
  const char* source = contents_->data.data() + entry.begin;
  if (bytes == 0 || reinterpret_cast<uintptr_t>(source) % (entry.dtype->bits / 8) != 0) {
    torch::Tensor copy = torch::empty(entry.shape, options);
    if (bytes > 0) std::memcpy(copy.data_ptr(), source, bytes);
    return copy;
  }
  return torch::from_blob(
      const_cast<char*>(source), entry.shape, [keep = contents_](void*) {}, options);
}

namespace {

/// Tensors in the reference writer's order: wide types first, so that each stays aligned, then by name.
std::vector<NamedTensor> in_file_order(std::vector<NamedTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    const auto width = [](const NamedTensor& t) { return t.tensor.element_size(); };
    return width(a) != width(b) ? width(a) > width(b) : a.name < b.name;
  });
  return tensors;
}

/// Length, header and the padding that aligns the data, which a mapped file's tensors are used at.
std::string make_header(const std::vector<NamedTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  ordered_json header;
  header["__metadata__"]["format"] = "pt";
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  uint64_t offset = 0;
  for (const NamedTensor& entry : tensors) {
    if (header.contains(entry.name)) throw std::invalid_argument("tensor " + entry.name + " is given twice");
    header[entry.name]["dtype"] = dtype_of(entry.tensor.scalar_type(), entry.name).name;
    header[entry.name]["shape"] = entry.tensor.sizes().vec();
    header[entry.name]["data_offsets"] = {offset, offset + entry.tensor.nbytes()};
    offset += entry.tensor.nbytes();
  }
  std::string text = header.dump();
  text.resize((kLengthBytes + text.size() + kAlignment - 1) / kAlignment * kAlignment - kLengthBytes, ' ');
  const uint64_t size = text.size();
  return std::string(reinterpret_cast<const char*>(&size), kLengthBytes) + text;
}

template <typename Write>
void write_all(const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata,
               Write write) {
  const std::vector<NamedTensor> ordered = in_file_order(tensors);
  write(make_header(ordered, metadata));
  for (const NamedTensor& entry : ordered) {
    const torch::Tensor bytes = entry.tensor.detach().cpu().contiguous();
    write(std::string_view(static_cast<const char*>(bytes.data_ptr()), bytes.nbytes()));
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  write_all(tensors, metadata, [&](std::string_view bytes) {
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  });
  file.close();
  if (!file) throw WorldError(path.string() + ": cannot be written; is the disk full?");
}

std::string safetensors_bytes(const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::string out;
  std::size_t total = 0;
  for (const NamedTensor& entry : tensors) total += entry.tensor.nbytes();
  out.reserve(total + 256 * (tensors.size() + 1));
  write_all(tensors, metadata, [&](std::string_view bytes) { out += bytes; });
  return out;
}

}  // namespace rlhf
