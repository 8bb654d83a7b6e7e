#include "formats/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include <utf8proc.h>

namespace rlhf {

namespace {

/// What Windows-1252 has at `byte`, in UTF-8; empty for a byte that texts hardly hold.
std::string windows_1252(unsigned char byte) {
  switch (byte) {
    case 0x80:
      return "\u20AC";
    case 0x85:
      return "\u2026";
    case 0x91:
      return "\u2018";
    case 0x92:
      return "\u2019";
    case 0x93:
      return "\u201C";
    case 0x94:
      return "\u201D";
    case 0x96:
      return "\u2013";
    case 0x97:
      return "\u2014";
    default:
      break;
  }
  if (byte < 0xA0 || byte == 0xFF) return {};
  return {static_cast<char>(0xC0 | (byte >> 6)), static_cast<char>(0x80 | (byte & 0x3F))};
}

/// A single high byte amid ASCII: no sequence of UTF-8 that was cut.
bool stands_alone(std::string_view bytes, std::size_t at) {
  const auto ascii = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]) < 0x80; };
  return (at == 0 || ascii(at - 1)) && (at + 1 == bytes.size() || ascii(at + 1));
}

}  // namespace

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
  if (at == std::string_view::npos) return {};
  const std::string problem = "not UTF-8 at byte " + std::to_string(at);
  const std::string meant = windows_1252(static_cast<unsigned char>(bytes[at]));
  if (meant.empty() || !stands_alone(bytes, at)) return problem;
  return problem + "; if it is Windows-1252, where that byte is '" + meant +
         "', convert the file with: iconv -f WINDOWS-1252 -t UTF-8 FILE";
}

bool is_blank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
  });
}

}  // namespace rlhf
