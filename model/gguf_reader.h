#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf_format.h"

namespace rlhf {

/// One tensor of a GGUF file. `bytes` lies inside the file and holds exactly the tensor's blocks.
struct GgufTensor {
  std::string name;
  std::vector<int64_t>
      shape;  ///< slowest dimension first, as torch has it (the file has it the other way round)
  GgufTensorType type = GgufTensorType::kF32;
  std::string_view bytes;

  uint64_t elements() const;
  /// All numbers as float32.
  void read(float* out) const;
};

/// A GGUF file of version 2 or 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), mapped or in
/// memory. Nothing in it is trusted: every count, length, offset and size is checked against the file before
/// anything is allocated, and metadata stays in the file until it is asked for. Readers may share it among
/// threads.
class GgufFile {
 public:
  /// UserError naming the file and what is wrong with it: magic, version, byte order, counts, types that are
  /// not known or not supported, lengths and offsets outside of the file, tensors that overlap, duplicates.
  static GgufFile open(const std::filesystem::path& path);
  static GgufFile from_bytes(std::shared_ptr<const std::string> bytes, const std::string& where);

  const std::string& where() const { return where_; }
  bool has(const std::string& key) const { return values_.contains(key); }

  /// The value of a key. UserError when it is absent (unless a fallback is given) or of another kind;
  /// integers and floats of any width are taken, an integer must be in [0, limit].
  std::string text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  int64_t size(const std::string& key, int64_t limit) const;
  std::optional<int64_t> find_size(const std::string& key, int64_t limit) const;
  double number(const std::string& key) const;
  double number(const std::string& key, double fallback) const;
  bool flag(const std::string& key, bool fallback) const;
  /// Arrays of at most `limit` items.
  std::vector<std::string> texts(const std::string& key, uint64_t limit) const;
  std::vector<int64_t> integers(const std::string& key, uint64_t limit) const;
  bool is_array(const std::string& key) const;

  const std::vector<GgufTensor>& tensors() const { return tensors_; }
  const GgufTensor* find_tensor(const std::string& name) const;

  [[noreturn]] void fail(const std::string& what) const;

 private:
  friend class GgufParser;
  struct Value {
    GgufValueType type;             // of the items when `count` is set
    std::optional<uint64_t> count;  // of an array
    std::string_view bytes;         // checked to hold all of it
  };

  GgufFile() = default;
  const Value& value(const std::string& key) const;

  std::string where_;
  std::shared_ptr<const void> owner_;  // of the bytes that the views show
  std::map<std::string, Value> values_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t> tensor_by_name_;
};

}  // namespace rlhf
