#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "formats/byte_reader.h"

namespace rlhf {

/// Bytes one at a time with the line they stand on; a byte order mark at the start is passed over.
class CharReader {
 public:
  explicit CharReader(std::unique_ptr<ByteReader> reader);

  /// The next byte, -1 at the end. Throws what ByteReader::read throws.
  int take() {
    if (position_ == filled_ && !fill()) return -1;
    const char c = buffer_[position_++];
    if (c == '\n') ++line_;
    return static_cast<unsigned char>(c);
  }

  /// Line of the next byte, from 1.
  int64_t line() const { return line_; }
  const std::string& path() const { return reader_->path(); }

 private:
  bool fill();

  std::unique_ptr<ByteReader> reader_;
  std::string buffer_;
  std::size_t position_ = 0;
  std::size_t filled_ = 0;
  int64_t line_ = 1;
};

}  // namespace rlhf
