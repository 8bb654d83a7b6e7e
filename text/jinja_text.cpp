#include "text/jinja_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include <utf8proc.h>

namespace rlhf::jinja {
namespace {

/// Python's str.isprintable() of one character.
bool is_printable(char32_t code_point) {
  if (code_point == ' ') return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS:
      return false;
    default:
      return true;
  }
}

void append_hex(std::string& out, const char* format, char32_t code_point) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, format, static_cast<unsigned>(code_point));
  out += buffer;
}

/// Python's repr(str).
void append_repr(std::string& out, std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  out += quote;
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    const char32_t c = code_point_at(text, i, length);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      out += text.substr(i, length);
    } else {
      append_hex(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
  }
  out += quote;
}

void append_json_string(std::string& out, std::string_view text, bool ensure_ascii) {
  out += '"';
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    const char32_t c = code_point_at(text, i, length);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n' || c == '\r' || c == '\t' || c == '\b' || c == '\f') {
      out += '\\';
      out += c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\b' ? 'b' : 'f';
    } else if (c < 0x20 || (ensure_ascii && c > 0x7e && c < 0x10000)) {
      append_hex(out, "\\u%04x", c);
    } else if (ensure_ascii && c >= 0x10000) {
      append_hex(out, "\\u%04x", 0xd800 + ((c - 0x10000) >> 10));
      append_hex(out, "\\u%04x", 0xdc00 + ((c - 0x10000) & 0x3ff));
    } else {
      out += text.substr(i, length);
    }
  }
  out += '"';
}

/// Writes a scalar the way Python's repr() does; false when it is not one.
bool append_scalar(std::string& out, const Value& value) {
  if (value.is_none()) {
    out += "None";
  } else if (const auto* flag = value.get<bool>()) {
    out += *flag ? "True" : "False";
  } else if (const auto* number = value.get<int64_t>()) {
    out += std::to_string(*number);
  } else if (const auto* real = value.get<double>()) {
    out += format_float(*real);
  } else {
    return false;
  }
  return true;
}

void append_python(std::string& out, const Value& value, Budget& budget) {
  budget.spend(1);
  if (append_scalar(out, value)) return;
  if (const auto* text = value.as_text()) {
    budget.spend_bytes(text->size());
    append_repr(out, *text);
  } else if (const auto* list = value.as_list()) {
    out += list->tuple ? '(' : '[';
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      if (i) out += ", ";
      append_python(out, list->items[i], budget);
    }
    if (list->tuple && list->items.size() == 1) out += ',';
    out += list->tuple ? ')' : ']';
  } else if (const auto* dict = value.as_dict()) {
    out += '{';
    for (std::size_t i = 0; i < dict->entries.size(); ++i) {
      if (i) out += ", ";
      append_repr(out, dict->entries[i].first);
      out += ": ";
      append_python(out, dict->entries[i].second, budget);
    }
    out += '}';
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else {
    throw Failure("unsupported: printing a " + value.type_name());
  }
}

class JsonWriter {
 public:
  JsonWriter(const JsonStyle& style, Budget& budget) : style_(style), budget_(budget) {}

  std::string write(const Value& value) {
    append(value, 0);
    return std::move(out_);
  }

 private:
  void append(const Value& value, int level) {
    budget_.spend(1);
    if (value.is_none()) {
      out_ += "null";
    } else if (const auto* flag = value.get<bool>()) {
      out_ += *flag ? "true" : "false";
    } else if (const auto* real = value.get<double>(); real && !std::isfinite(*real)) {
      out_ += std::isnan(*real) ? "NaN" : *real > 0 ? "Infinity" : "-Infinity";
    } else if (append_scalar(out_, value)) {
      return;
    } else if (const auto* text = value.as_text()) {
      append_string(*text);
    } else if (const auto* safe = value.get<SafeText>()) {
      append_string(*safe->text);
    } else if (const auto* list = value.as_list()) {
      append_all('[', ']', list->items.size(), level,
                 [&](std::size_t i) { append(list->items[i], level + 1); });
    } else if (const auto* dict = value.as_dict()) {
      append_dict(*dict, level);
    } else {
      throw Failure("tojson cannot write this: " + value.type_name());
    }
  }

  void append_string(const std::string& text) {
    budget_.spend_bytes(text.size());
    append_json_string(out_, text, style_.ensure_ascii);
  }

  void append_dict(const Dict& dict, int level) {
    std::vector<const std::pair<std::string, Value>*> entries;
    for (const auto& entry : dict.entries) entries.push_back(&entry);
    if (style_.sort_keys) {
      std::sort(entries.begin(), entries.end(),
                [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    append_all('{', '}', entries.size(), level, [&](std::size_t i) {
      append_string(entries[i]->first);
      out_ += style_.key_separator;
      append(entries[i]->second, level + 1);
    });
  }

  template <typename Item>
  void append_all(char open, char close, std::size_t count, int level, const Item& item) {
    out_ += open;
    for (std::size_t i = 0; i < count; ++i) {
      if (i) out_ += style_.item_separator;
      new_line(level + 1);
      item(i);
    }
    if (count) new_line(level);
    out_ += close;
  }

  void new_line(int level) {
    if (style_.indent < 0) return;
    const auto spaces = static_cast<std::size_t>(style_.indent) * static_cast<std::size_t>(level);
    budget_.spend_bytes(spaces);
    out_ += '\n';
    out_.append(spaces, ' ');
  }

  const JsonStyle& style_;
  Budget& budget_;
  std::string out_;
};

template <typename Map>
std::string map_code_points(std::string_view text, const Map& map) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    const char32_t c = code_point_at(text, i, length);
    const auto mapped = static_cast<char32_t>(map(static_cast<utf8proc_int32_t>(c)));
    if (mapped == c) {
      out += text.substr(i, length);
    } else {
      append_utf8(out, mapped);
    }
  }
  return out;
}

}  // namespace

char32_t code_point_at(std::string_view text, std::size_t offset, std::size_t& length) {
  utf8proc_int32_t code_point = 0;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data() + offset);
  const auto used = utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - offset), &code_point);
  if (used <= 0) {
    length = 1;
    return 0xfffd;
  }
  length = static_cast<std::size_t>(used);
  return static_cast<char32_t>(code_point);
}

std::vector<std::size_t> code_point_offsets(std::string_view text) {
  std::vector<std::size_t> offsets;
  offsets.reserve(text.size() + 1);
  for (std::size_t i = 0, length = 0; i < text.size(); i += length) {
    offsets.push_back(i);
    code_point_at(text, i, length);
  }
  offsets.push_back(text.size());
  return offsets;
}

std::size_t code_point_count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0, length = 0; i < text.size(); i += length, ++count) code_point_at(text, i, length);
  return count;
}

void append_utf8(std::string& out, char32_t code_point) {
  utf8proc_uint8_t buffer[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), buffer);
  if (length <= 0 || (code_point >= 0xd800 && code_point < 0xe000)) throw Failure("not a Unicode character");
  out.append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(length));
}

bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

std::string_view strip_left(std::string_view text, const CharacterTest& drop) {
  std::size_t length = 0;
  while (!text.empty() && drop(code_point_at(text, 0, length))) text.remove_prefix(length);
  return text;
}

std::string_view strip_right(std::string_view text, const CharacterTest& drop) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1, length = 0;
    while (start > 0 && text.size() - start < 4 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80)
      --start;
    const char32_t last = code_point_at(text, start, length);
    if (start + length != text.size() || !drop(last)) break;
    text.remove_suffix(length);
  }
  return text;
}

std::string to_upper(std::string_view text) {
  return map_code_points(text, utf8proc_toupper);
}
std::string to_lower(std::string_view text) {
  return map_code_points(text, utf8proc_tolower);
}

std::string format_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto scientific = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view shortest(buffer, static_cast<std::size_t>(scientific.ptr - buffer));
  const int exponent = std::stoi(std::string(shortest.substr(shortest.find('e') + 1)));
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  const auto fixed = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed);
  std::string text(buffer, fixed.ptr);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string to_text(const Value& value, Budget& budget) {
  if (const auto* text = value.as_text()) return *text;
  if (const auto* safe = value.get<SafeText>()) return *safe->text;
  std::string out;
  if (!value.is_undefined()) append_python(out, value, budget);
  return out;
}

std::string to_json_text(const Value& value, const JsonStyle& style, Budget& budget) {
  return JsonWriter(style, budget).write(value);
}

}  // namespace rlhf::jinja
