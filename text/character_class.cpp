#include "text/character_class.h"

#include <vector>

#include <utf8proc.h>

namespace rlhf {

namespace {

constexpr char32_t kCovered = 0x40000;  ///< planes 0 to 3; the others hold no letter, number or space

struct Range {
  char32_t first, last;
  CharacterClass kind;
};

/// Letters and numbers of Unicode 15 to 16 that utf8proc may be too old to know. Made by
/// tests/parity/make_unicode_tables.py.
constexpr auto kLetter = CharacterClass::kLetter;
constexpr auto kNumber = CharacterClass::kNumber;
constexpr Range kSinceUnicode14[] = {
    // clang-format off
    {0x1C89, 0x1C8A, kLetter}, {0xA7CB, 0xA7CD, kLetter}, {0xA7DA, 0xA7DC, kLetter},
    {0x105C0, 0x105F3, kLetter}, {0x10D40, 0x10D49, kNumber}, {0x10D4A, 0x10D65, kLetter},
    {0x10D6F, 0x10D85, kLetter}, {0x10EC2, 0x10EC4, kLetter}, {0x1123F, 0x11240, kLetter},
    {0x11380, 0x11389, kLetter}, {0x1138B, 0x1138B, kLetter}, {0x1138E, 0x1138E, kLetter},
    {0x11390, 0x113B5, kLetter}, {0x113B7, 0x113B7, kLetter}, {0x113D1, 0x113D1, kLetter},
    {0x113D3, 0x113D3, kLetter}, {0x116D0, 0x116E3, kNumber}, {0x11BC0, 0x11BE0, kLetter},
    {0x11BF0, 0x11BF9, kNumber}, {0x11F02, 0x11F02, kLetter}, {0x11F04, 0x11F10, kLetter},
    {0x11F12, 0x11F33, kLetter}, {0x11F50, 0x11F59, kNumber}, {0x1342F, 0x1342F, kLetter},
    {0x13441, 0x13446, kLetter}, {0x13460, 0x143FA, kLetter}, {0x16100, 0x1611D, kLetter},
    {0x16130, 0x16139, kNumber}, {0x16D40, 0x16D6C, kLetter}, {0x16D70, 0x16D79, kNumber},
    {0x18CFF, 0x18CFF, kLetter}, {0x1B132, 0x1B132, kLetter}, {0x1B155, 0x1B155, kLetter},
    {0x1CCF0, 0x1CCF9, kNumber}, {0x1D2C0, 0x1D2D3, kNumber}, {0x1DF25, 0x1DF2A, kLetter},
    {0x1E030, 0x1E06D, kLetter}, {0x1E4D0, 0x1E4EB, kLetter}, {0x1E4F0, 0x1E4F9, kNumber},
    {0x1E5D0, 0x1E5ED, kLetter}, {0x1E5F0, 0x1E5F0, kLetter}, {0x1E5F1, 0x1E5FA, kNumber},
    {0x2B739, 0x2B739, kLetter}, {0x2EBF0, 0x2EE5D, kLetter}, {0x31350, 0x323AF, kLetter},
    // clang-format on
};

/// Numbers of Unicode 17, which the Digits pre-tokenizer knows and the patterns do not.
constexpr Range kNumbersOfUnicode17[] = {{0x11DE0, 0x11DE9, kNumber}, {0x16FF4, 0x16FF6, kNumber}};

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

CharacterClass classify(char32_t c) {
  if (is_white_space(c)) return CharacterClass::kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharacterClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharacterClass::kNumber;
    default:
      return CharacterClass::kOther;
  }
}

std::vector<CharacterClass> make_table() {
  std::vector<CharacterClass> table(kCovered);
  for (char32_t c = 0; c < kCovered; ++c) table[c] = classify(c);
  for (const Range& range : kSinceUnicode14) {
    for (char32_t c = range.first; c <= range.last; ++c) table[c] = range.kind;
  }
  return table;
}

/// Symbols that are Alphabetic: circled, squared and negative Latin letters.
bool is_enclosed_letter(char32_t c) {
  return (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

}  // namespace

CharacterClass character_class(char32_t code_point) {
  static const std::vector<CharacterClass> table = make_table();
  return code_point < kCovered ? table[code_point] : CharacterClass::kOther;
}

bool is_numeric(char32_t code_point) {
  for (const Range& range : kNumbersOfUnicode17) {
    if (code_point >= range.first && code_point <= range.last) return true;
  }
  return character_class(code_point) == CharacterClass::kNumber;
}

bool is_word_character(char32_t code_point) {
  constexpr char32_t kZeroWidthNonJoiner = 0x200C, kZeroWidthJoiner = 0x200D;
  if (character_class(code_point) == CharacterClass::kLetter || is_enclosed_letter(code_point)) return true;
  if (code_point == kZeroWidthNonJoiner || code_point == kZeroWidthJoiner) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

}  // namespace rlhf
