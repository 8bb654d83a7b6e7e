#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace rlhf {

/// A file that only grows at its end, or is replaced whole. Every append is one write: a reader that follows
/// the file sees whole records, and a crash leaves at most one torn record at the end. One thread, one
/// process. Every member throws WorldError when the disk fails.
class AppendFile {
 public:
  /// Opens `path` for appending and creates it when absent; the folder must exist.
  explicit AppendFile(std::filesystem::path path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Writes all of `bytes`, or nothing: what a failed write has left is taken back.
  void append(std::string_view bytes);
  /// Returns when everything appended is on the disk.
  void sync();
  /// Cuts the file to its first `size` bytes.
  void cut(uint64_t size);
  /// write_whole_file() in this file's place.
  void replace(std::string_view bytes);

 private:
  void open();

  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// Puts a file with these bytes at `path` in one step (temporary file, fsync, rename): never a mixture, never
/// a part. Throws WorldError when the disk fails.
void write_whole_file(const std::filesystem::path& path, std::string_view bytes);

/// The whole file as bytes. Throws UserError when it cannot be read.
std::string read_bytes(const std::filesystem::path& path);

}  // namespace rlhf
