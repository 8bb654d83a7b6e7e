#pragma once
#include <cstddef>
#include <string>
#include <string_view>

struct gzFile_s;

namespace rlhf {

/// The bytes of a file, of a .gz file (told by its first two bytes, not its name), or of standard input
/// ("-"). One thread at a time.
class ByteReader {
 public:
  /// Throws UserError when `path` does not exist or cannot be read.
  explicit ByteReader(const std::string& path);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  /// Up to `size` bytes into `into`; 0 at the end. Throws UserError when gzip data are damaged or cut short,
  /// WorldError when the device fails.
  std::size_t read(char* into, std::size_t size);

  /// The next bytes without taking them, at most `size`, fewer only at the end (or before damage, which the
  /// next read then reports). Valid until the next call.
  std::string_view look_ahead(std::size_t size);

  const std::string& path() const { return path_; }

 private:
  std::size_t read_file(char* into, std::size_t size);

  std::string path_;
  gzFile_s* file_ = nullptr;
  std::string ahead_;  ///< looked at, not yet read
};

}  // namespace rlhf
