#include "text/utf8.h"

namespace rlhf {

namespace {

enum class Form { kValid, kInvalid, kCut };

struct Sequence {
  Form form;
  size_t length;  ///< bytes of the sequence, or of its maximal valid beginning (at least 1)
};

/// The sequence that starts at `position`, after table 3-7 of the Unicode standard.
Sequence sequence_at(std::string_view bytes, size_t position) {
  const auto lead = static_cast<unsigned char>(bytes[position]);
  if (lead < 0x80) return {Form::kValid, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Form::kInvalid, 1};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80, high = 0xBF;  // of the second byte
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (size_t i = 1; i < length; ++i) {
    if (position + i >= bytes.size()) return {Form::kCut, i};
    const auto next = static_cast<unsigned char>(bytes[position + i]);
    if (next < low || next > high) return {Form::kInvalid, i};
    low = 0x80, high = 0xBF;
  }
  return {Form::kValid, length};
}

}  // namespace

void append_utf8(char32_t code_point, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6), put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12), put(0x80 | (code_point >> 6 & 0x3F)), put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18), put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F)), put(0x80 | (code_point & 0x3F));
  }
}

size_t find_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const Sequence sequence = sequence_at(text, i);
    if (sequence.form != Form::kValid) return i;
    i += sequence.length;
  }
  return std::string_view::npos;
}

size_t append_valid_utf8(std::string_view bytes, bool final, std::string& out) {
  size_t i = 0;
  while (i < bytes.size()) {
    const Sequence sequence = sequence_at(bytes, i);
    if (sequence.form == Form::kCut && !final) break;
    if (sequence.form == Form::kValid) {
      out.append(bytes, i, sequence.length);
    } else {
      out += "\xEF\xBF\xBD";
    }
    i += sequence.length;
  }
  return i;
}

}  // namespace rlhf
