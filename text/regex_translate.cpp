#include <array>
#include <cstddef>

#include "contract/error.h"
#include "text/regex.h"

namespace rlhf {

namespace {

// Classes of Oniguruma in PCRE2's words, to be put inside brackets. PCRE2's own \s has U+180E, its \w only L,
// N and _.
constexpr std::string_view kSpace = R"(\t-\r\x{85}\p{Z})";
constexpr std::string_view kWord = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
constexpr std::string_view kHexDigit = "0-9A-Fa-f";

/// Properties that are neither a general category nor a script.
constexpr std::array<std::string_view, 12> kBinaryProperties = {
    "Alphabetic", "Lowercase",   "Uppercase", "White_Space", "Ideographic", "Math",
    "ID_Start",   "ID_Continue", "Emoji",     "Dash",        "Any",         "Hex_Digit"};

/// Reads the pattern from left to right and writes its PCRE2 spelling.
class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string translate() {
    while (position_ < pattern_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw UserError("the regex \"" + std::string(pattern_) + "\" uses " + what + ", which is not supported");
  }

  char peek(size_t ahead = 0) const {
    return position_ + ahead < pattern_.size() ? pattern_[position_ + ahead] : '\0';
  }
  bool follows(std::string_view text) const { return pattern_.substr(position_).starts_with(text); }
  void copy(size_t count) {
    out_ += pattern_.substr(position_, count);
    position_ += count;
  }

  void step() {
    if (peek() == '\\') return escape();
    if (in_class_) return class_character();
    if (peek() == '[') return open_class();
    if (follows("(?")) check_group();
    copy(1);
  }

  void open_class() {
    in_class_ = true;
    copy(1);
    if (peek() == '^') copy(1);
    if (peek() == ']') copy(1);
  }

  void class_character() {
    if (follows("&&")) refuse("an intersection of classes (&&)");
    if (follows("[:")) {
      const size_t end = pattern_.find(":]", position_);
      if (end == std::string_view::npos) refuse("an unfinished [: class");
      return copy(end + 2 - position_);
    }
    if (peek() == '[') refuse("a class inside a class");
    if (peek() == ']') in_class_ = false;
    copy(1);
  }

  /// Option letters mean other things in Ruby: there (?m) lets the dot match newlines, and (?s) is no option.
  void check_group() const {
    size_t i = position_ + 2;
    for (; i < pattern_.size() && (pattern_[i] == 'i' || pattern_[i] == '-'); ++i) {
    }
    if (i < pattern_.size() && (pattern_[i] == 'm' || pattern_[i] == 's' || pattern_[i] == 'x')) {
      refuse(std::string("the option (?") + pattern_[i] + ")");
    }
  }

  void put_class(std::string_view members, bool negated) {
    position_ += 2;
    if (!in_class_) {
      out_.append(negated ? "[^" : "[").append(members).append("]");
    } else if (negated) {
      refuse("a negated class escape inside brackets");
    } else {
      out_ += members;
    }
  }

  void escape() {
    switch (peek(1)) {
      case '\0':
        refuse("a backslash at its end");
      case 's':
      case 'S':
        return put_class(kSpace, peek(1) == 'S');
      case 'w':
      case 'W':
        return put_class(kWord, peek(1) == 'W');
      case 'h':
      case 'H':
        return put_class(kHexDigit, peek(1) == 'H');
      case 'p':
      case 'P':
        return property();
      case 'u':
        return code_point();
      case 'K':
      case 'C':
      case 'g':
      case 'k':
        refuse(std::string("\\") + peek(1));
      default:
        return copy(2);
    }
  }

  /// \uHHHH, which PCRE2 spells \x{HHHH}.
  void code_point() {
    const std::string_view digits = pattern_.substr(position_ + 2, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      refuse("\\u without four hexadecimal digits");
    }
    out_.append("\\x{").append(digits).append("}");
    position_ += 6;
  }

  /// A script in PCRE2 means its extensions too, unless it is asked for as sc:.
  void property() {
    if (peek(2) != '{') return copy(3);
    const size_t end = pattern_.find('}', position_);
    if (end == std::string_view::npos) refuse("an unfinished \\p{");
    std::string_view name = pattern_.substr(position_ + 3, end - position_ - 3);
    const bool caret = name.starts_with('^');
    if (caret) name.remove_prefix(1);
    bool as_is = name.size() <= 2;
    for (const std::string_view binary : kBinaryProperties) as_is = as_is || name == binary;
    out_.append("\\").append(1, peek(1)).append("{").append(caret ? "^" : "");
    out_.append(as_is ? "" : "sc:").append(name).append("}");
    position_ = end + 1;
  }

  std::string_view pattern_;
  size_t position_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

std::string translate_regex(std::string_view pattern) {
  return Translator(pattern).translate();
}

}  // namespace rlhf
