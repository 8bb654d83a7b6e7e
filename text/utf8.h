#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rlhf {

/// One code point and the bytes it takes.
struct CodePoint {
  char32_t value = 0;
  uint32_t length = 0;
};

/// The code point at `position` of text that is known to be valid UTF-8; position < text.size().
inline CodePoint code_point_at(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3Fu), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu), 4};
}

/// Where the code point that ends at `end` starts; valid UTF-8, end > 0.
inline size_t code_point_before(std::string_view text, size_t end) {
  do --end;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80);
  return end;
}

void append_utf8(char32_t code_point, std::string& out);

/// Index of the first byte that is not part of valid UTF-8 (surrogates and overlong forms are not); npos if
/// all is.
size_t find_invalid_utf8(std::string_view text);

/// Appends `bytes` to `out` with each ill-formed sequence as one U+FFFD (maximal subparts, Unicode 3.9, table
/// 3-8). A sequence that is cut by the end of `bytes` but could still become valid is left alone unless
/// `final`. Returns how many bytes were dealt with.
size_t append_valid_utf8(std::string_view bytes, bool final, std::string& out);

}  // namespace rlhf
