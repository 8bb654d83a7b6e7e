#include "formats/line_reader.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "contract/error.h"
#include "formats/utf8.h"

namespace rlhf {

namespace {

constexpr std::size_t kChunkBytes = 256 * 1024;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

LineReader::LineReader(const std::string& path, std::size_t max_line_bytes)
    : LineReader(std::make_unique<ByteReader>(path), max_line_bytes) {}

LineReader::LineReader(std::unique_ptr<ByteReader> reader, std::size_t max_line_bytes)
    : reader_(std::move(reader)), max_line_bytes_(max_line_bytes), buffer_(kChunkBytes, '\0') {}

bool LineReader::fill() {
  if (ended_) return false;
  position_ = filled_ = 0;
  try {
    filled_ = reader_->read(buffer_.data(), buffer_.size());
  } catch (const UserError& error) {
    damage_ = error.what();
  }
  ended_ = filled_ == 0;
  return !ended_;
}

bool LineReader::next(Line& line) {
  line.text.clear();
  line.problem.clear();
  bool any = false;
  bool too_long = false;
  while (position_ < filled_ || fill()) {
    any = true;
    const char* start = buffer_.data() + position_;
    const std::size_t left = filled_ - position_;
    const auto* found = static_cast<const char*>(std::memchr(start, '\n', left));
    const std::size_t length = found ? static_cast<std::size_t>(found - start) : left;
    too_long = too_long || line.text.size() + length > max_line_bytes_;
    if (!too_long) line.text.append(start, length);
    position_ += length + (found ? 1 : 0);
    if (found) break;
  }
  if (!any && damage_.empty()) return false;
  line.number = ++number_;
  if (number_ == 1 && line.text.starts_with(kByteOrderMark)) line.text.erase(0, kByteOrderMark.size());
  if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
  if (too_long) {
    line.problem = "longer than " + std::to_string(max_line_bytes_) + " bytes";
  } else if (ended_ && !damage_.empty()) {
    line.problem = std::exchange(damage_, {});
  } else {
    line.problem = utf8_problem(line.text);
  }
  return true;
}

}  // namespace rlhf
