#include "evaluate/one_line.h"

#include <string_view>
#include <vector>

namespace rlhf {
namespace {

/// Bytes of the character that `text` begins with.
std::size_t character_bytes(std::string_view text) {
  std::size_t end = 1;
  while (end < text.size() && (text[end] & 0xc0) == 0x80) ++end;
  return end;
}

/// White space, or a control character of ASCII or of Latin-1's second half (two bytes).
bool is_control_or_space(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return first <= 0x20 || first == 0x7f;
  return character.size() == 2 && first == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::string one_line(const std::string& text, std::size_t most) {
  std::vector<std::string_view> characters;
  for (std::string_view rest = text; !rest.empty() && characters.size() <= most;) {
    std::string_view character = rest.substr(0, character_bytes(rest));
    rest.remove_prefix(character.size());
    if (is_control_or_space(character)) character = " ";
    if (character != " " || (!characters.empty() && characters.back() != " "))
      characters.push_back(character);
  }
  const bool cut = characters.size() > most;
  std::string line;
  for (std::size_t i = 0; i < (cut ? most - 3 : characters.size()); ++i) line += characters[i];
  return cut ? line + "..." : line;
}

}  // namespace rlhf
