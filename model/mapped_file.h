#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace rlhf {

/// A file mapped for reading. Pages are private: a write by mistake would not reach the file. When a page
/// cannot be read, because the file was cut short since or its disk fails, the program says so and exits with
/// code 1: the system delivers that as a signal, in the middle of whatever reads, so nothing can be thrown.
class MappedFile {
 public:
  /// UserError when `path` cannot be read as a file, WorldError when it cannot be mapped.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(address_), size_}; }
  /// What is said of a page at `address` that cannot be read; empty when it is not of this file.
  std::string_view complaint(const void* address) const;

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
  std::string complaint_;  // made before it is needed: a signal handler may not allocate
};

}  // namespace rlhf
