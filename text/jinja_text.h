#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_value.h"

namespace rlhf::jinja {

/// Byte offset of every code point of `text`, then its size: what Python's indices refer to. A byte that is
/// not UTF-8 counts as one.
std::vector<std::size_t> code_point_offsets(std::string_view text);
std::size_t code_point_count(std::string_view text);
/// The code point that begins at `offset`; `length` receives its bytes.
char32_t code_point_at(std::string_view text, std::size_t offset, std::size_t& length);
void append_utf8(std::string& out, char32_t code_point);

/// Python's str.isspace() of one character.
bool is_python_space(char32_t code_point);
using CharacterTest = std::function<bool(char32_t)>;
std::string_view strip_left(std::string_view text, const CharacterTest& drop);
std::string_view strip_right(std::string_view text, const CharacterTest& drop);

/// Case by the simple mappings of Unicode, one code point to one: "ß" stays "ß" where Python gives "SS".
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);

/// Python's repr(float), e.g. "1.0", "1e+16".
std::string format_float(double value);
/// Python's str(value), what `{{ value }}` prints; nothing for an undefined value.
std::string to_text(const Value& value, Budget& budget);
/// Hugging Face's tojson: json.dumps with ensure_ascii=False. `indent` < 0 means one line.
struct JsonStyle {
  int indent = -1;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool ensure_ascii = false;
  bool sort_keys = false;
};
std::string to_json_text(const Value& value, const JsonStyle& style, Budget& budget);

}  // namespace rlhf::jinja
