#include "annotate/page_texts.h"

namespace rlhf {

namespace {

bool is_inside_character(const std::string& text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
}

}  // namespace

TextPiece piece_of(const std::string& text, std::size_t offset, std::size_t size) {
  if (offset >= text.size()) return {};
  while (is_inside_character(text, offset)) ++offset;
  std::size_t end = size < text.size() - offset ? offset + size : text.size();
  while (is_inside_character(text, end)) ++end;
  TextPiece piece{text.substr(offset, end - offset), {}};
  if (end < text.size()) piece.next = end;
  return piece;
}

}  // namespace rlhf
