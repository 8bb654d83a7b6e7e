#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "formats/byte_reader.h"

namespace rlhf {

/// The longest line or record that is read. A compressed file that unpacks to more without a line break is
/// refused line by line, in bounded memory.
constexpr std::size_t kMaxLineBytes = 64UL << 20;

struct Line {
  int64_t number = 0;  ///< from 1, as editors count
  std::string
      text;  ///< without its line break; a byte order mark at the start of the file and CRLF are taken off
  std::string
      problem;  ///< why the line cannot be used (too long, not UTF-8, gzip damage); empty for a good line
};

/// Lines of a file, a .gz file or standard input ("-").
class LineReader {
 public:
  /// Throws UserError when `path` cannot be opened.
  explicit LineReader(const std::string& path, std::size_t max_line_bytes = kMaxLineBytes);
  explicit LineReader(std::unique_ptr<ByteReader> reader, std::size_t max_line_bytes = kMaxLineBytes);

  /// False at the end. Damaged gzip data are one last line with a problem. Throws WorldError when the device
  /// fails.
  bool next(Line& line);

 private:
  bool fill();

  std::unique_ptr<ByteReader> reader_;
  std::size_t max_line_bytes_;
  std::string buffer_;
  std::size_t position_ = 0;
  std::size_t filled_ = 0;
  int64_t number_ = 0;
  std::string damage_;
  bool ended_ = false;
};

}  // namespace rlhf
