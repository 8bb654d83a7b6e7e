#include "text/word_scanner.h"

#include <limits>

#include "text/character_class.h"
#include "text/utf8.h"

namespace rlhf {

namespace {

using enum CharacterClass;

constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

bool is_newline(char32_t c) {
  return c == '\r' || c == '\n';
}

/// A reading position with the character under it classified; past the end nothing is of any class.
struct Cursor {
  std::string_view text;
  size_t position;
  CodePoint character{};
  CharacterClass kind = kOther;

  Cursor(std::string_view all, size_t start) : text(all), position(start) { read(); }
  bool at_end() const { return position >= text.size(); }
  bool is(CharacterClass wanted) const { return !at_end() && kind == wanted; }
  void advance() {
    position += character.length;
    read();
  }
  void read() {
    if (at_end()) return;
    character = code_point_at(text, position);
    kind = character_class(character.value);
  }
};

size_t run_end(Cursor cursor, CharacterClass kind, int limit = std::numeric_limits<int>::max()) {
  for (; limit > 0 && cursor.is(kind); --limit) cursor.advance();
  return cursor.position;
}

char32_t lower_ascii(char32_t c) {
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/// End of 's 't 're 've 'm 'll 'd at `begin`, or `begin`. Ignoring case, the long s U+017F folds to s.
size_t contraction_end(std::string_view text, size_t begin, bool ignore_case) {
  if (text[begin] != '\'' || begin + 1 >= text.size()) return begin;
  const auto folded = [&](size_t i) -> CodePoint {
    if (i >= text.size()) return {};
    CodePoint c = code_point_at(text, i);
    if (ignore_case) c.value = c.value == 0x17F ? U's' : lower_ascii(c.value);
    return c;
  };
  const CodePoint first = folded(begin + 1);
  const size_t after = begin + 1 + first.length;
  if (first.value == 's' || first.value == 't' || first.value == 'm' || first.value == 'd') return after;
  const char32_t second = folded(after).value;
  const bool two =
      ((first.value == 'r' || first.value == 'v') && second == 'e') || (first.value == 'l' && second == 'l');
  return two ? after + 1 : begin;
}

/// \s+(?!\S)|\s+ : a run of white space leaves its last character to the word that follows, if it can.
size_t white_space_end(std::string_view text, size_t begin) {
  const size_t end = run_end({text, begin}, kSpace);
  if (end == text.size()) return end;
  const size_t last = code_point_before(text, end);
  return last > begin ? last : end;
}

size_t gpt2_word_end(std::string_view text, size_t begin) {
  if (const size_t end = contraction_end(text, begin, false); end > begin) return end;
  Cursor cursor(text, begin);
  if (cursor.character.value == ' ') cursor.advance();
  if (!cursor.at_end() && cursor.kind != kSpace) return run_end(cursor, cursor.kind);
  return white_space_end(text, begin);
}

/// \s*[\r\n]+ : through the last newline of a run of white space; `begin` when it has none.
size_t lines_end(std::string_view text, size_t begin) {
  size_t end = begin;
  for (Cursor cursor(text, begin); cursor.is(kSpace);) {
    const bool newline = is_newline(cursor.character.value);
    cursor.advance();
    if (newline) end = cursor.position;
  }
  return end;
}

size_t llama3_word_end(std::string_view text, size_t begin, int digits) {
  if (const size_t end = contraction_end(text, begin, true); end > begin) return end;
  const Cursor first(text, begin);
  if (first.kind == kLetter) return run_end(first, kLetter);
  if (first.kind == kNumber) return run_end(first, kNumber, digits);
  Cursor second = first;
  second.advance();
  if (!is_newline(first.character.value) && second.is(kLetter)) return run_end(second, kLetter);
  if (first.kind == kOther || (first.character.value == ' ' && second.is(kOther))) {
    size_t end = run_end(first.kind == kOther ? first : second, kOther);
    while (end < text.size() && is_newline(static_cast<unsigned char>(text[end]))) ++end;
    return end;
  }
  if (const size_t end = lines_end(text, begin); end > begin) return end;
  return white_space_end(text, begin);
}

}  // namespace

std::optional<WordPattern> known_word_pattern(std::string_view regex) {
  for (const WordPattern pattern : {WordPattern::kGpt2, WordPattern::kLlama3, WordPattern::kQwen2}) {
    if (regex == spelling(pattern)) return pattern;
  }
  return std::nullopt;
}

std::string_view spelling(WordPattern pattern) {
  switch (pattern) {
    case WordPattern::kLlama3:
      return kLlama3Regex;
    case WordPattern::kQwen2:
      return kQwen2Regex;
    default:
      return kGpt2Regex;
  }
}

size_t word_end(WordPattern pattern, std::string_view text, size_t begin) {
  switch (pattern) {
    case WordPattern::kLlama3:
      return llama3_word_end(text, begin, 3);
    case WordPattern::kQwen2:
      return llama3_word_end(text, begin, 1);
    default:
      return gpt2_word_end(text, begin);
  }
}

}  // namespace rlhf
