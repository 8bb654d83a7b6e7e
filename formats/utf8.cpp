#include "formats/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include <utf8proc.h>

namespace rlhf {

std::size_t first_invalid_utf8(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    uint64_t eight = 0;
    if (at + sizeof eight <= bytes.size()) {
      std::memcpy(&eight, bytes.data() + at, sizeof eight);
      if ((eight & 0x8080808080808080ULL) == 0) {
        at += sizeof eight;
        continue;
      }
    }
    utf8proc_int32_t code_point = 0;
    const auto left = static_cast<utf8proc_ssize_t>(bytes.size() - at);
    const auto* start = reinterpret_cast<const utf8proc_uint8_t*>(bytes.data() + at);
    const utf8proc_ssize_t length = utf8proc_iterate(start, left, &code_point);
    if (length <= 0) return at;
    at += static_cast<std::size_t>(length);
  }
  return std::string_view::npos;
}

std::string utf8_problem(std::string_view bytes) {
  const std::size_t at = first_invalid_utf8(bytes);
  return at == std::string_view::npos ? std::string() : "not UTF-8 at byte " + std::to_string(at);
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
  });
}

}  // namespace rlhf
