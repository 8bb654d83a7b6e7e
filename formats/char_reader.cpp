#include "formats/char_reader.h"

#include <string_view>

namespace rlhf {

namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

CharReader::CharReader(std::unique_ptr<ByteReader> reader)
    : reader_(std::move(reader)), buffer_(kChunkBytes, '\0') {
  if (reader_->look_ahead(kByteOrderMark.size()) == kByteOrderMark)
    reader_->read(buffer_.data(), kByteOrderMark.size());
}

bool CharReader::fill() {
  position_ = 0;
  filled_ = reader_->read(buffer_.data(), buffer_.size());
  return filled_ > 0;
}

}  // namespace rlhf
