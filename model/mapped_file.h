#pragma once
#include <cstddef>
#include <filesystem>
#include <string_view>

namespace rlhf {

/// A file mapped for reading. Pages are private: a write by mistake would not reach the file.
class MappedFile {
 public:
  /// UserError when `path` cannot be read as a file, WorldError when it cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace rlhf
