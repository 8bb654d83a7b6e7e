#pragma once
#include <string>
#include <string_view>

#include "model/gguf_reader.h"

namespace rlhf {

/// Reads the head of a GGUF file once, checking everything, into a GgufFile.
class GgufParser {
 public:
  GgufParser(GgufFile& file, std::string_view bytes) : file_(file), bytes_(bytes) {}
  void run();

 private:
  struct TensorPlace {
    uint64_t offset = 0, size = 0;  // in the data section
  };

  template <typename T>
  T read(const char* what);
  std::string_view read_bytes(uint64_t count, const char* what);
  std::string_view read_string(uint64_t limit, const char* what);
  void skip_strings(uint64_t count, const std::string& key);
  void read_value(const std::string& key);
  void read_tensor();
  uint64_t read_alignment() const;
  void place_tensors(uint64_t alignment);
  void check_overlaps() const;
  uint64_t remaining() const { return bytes_.size() - position_; }

  GgufFile& file_;
  std::string_view bytes_;
  uint64_t position_ = 0;
  std::vector<TensorPlace> places_;
};

}  // namespace rlhf
