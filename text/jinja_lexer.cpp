#include "text/jinja_lexer.h"

#include <algorithm>
#include <charconv>

#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

using Kind = Token::Kind;

constexpr auto kNotFound = std::string_view::npos;

/// Line ends become "\n" and one at the end of the template goes.
std::string normalise_newlines(const std::string& source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

class Lexer {
 public:
  explicit Lexer(const std::string& source) : source_(normalise_newlines(source)), rest_(source_) {}

  std::vector<Token> run() {
    while (!rest_.empty()) {
      const std::size_t border = find_border();
      if (border == kNotFound) {
        add_text(rest_, rest_.size());
      } else {
        lex_border(border);
      }
    }
    add(Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  std::size_t find_border() const {
    for (std::size_t i = rest_.find('{'); i != kNotFound; i = rest_.find('{', i + 1)) {
      if (i + 1 < rest_.size() && (rest_[i + 1] == '{' || rest_[i + 1] == '%' || rest_[i + 1] == '#'))
        return i;
    }
    return kNotFound;
  }

  /// The text before a border, then what the border opens.
  void lex_border(std::size_t border) {
    const char kind = rest_[border + 1];
    const char sign = sign_at(rest_, border + 2);
    add_text(stripped_before(rest_.substr(0, border), sign, kind != '{'), border + 2 + (sign ? 1 : 0));
    if (kind == '#') {
      skip_comment();
    } else if (kind == '%' && begins_raw()) {
      lex_raw();
    } else if (kind == '%') {
      lex_inside(Kind::kTagBegin, Kind::kTagEnd, "%}");
    } else {
      lex_inside(Kind::kPrintBegin, Kind::kPrintEnd, "}}");
    }
  }

  static char sign_at(std::string_view text, std::size_t at) {
    return at < text.size() && (text[at] == '-' || text[at] == '+') ? text[at] : '\0';
  }

  std::string_view stripped_before(std::string_view text, char sign, bool is_block) const {
    if (sign == '-') return strip_right(text, is_python_space);
    if (sign == '+' || !is_block) return text;
    const std::size_t newline = text.rfind('\n');
    const std::size_t line_start = newline == kNotFound ? 0 : newline + 1;
    if (line_start == 0 && !line_starting_) return text;
    const bool blank = strip_left(text.substr(line_start), is_python_space).empty();
    return blank ? text.substr(0, line_start) : text;
  }

  /// Emits `text` and moves on by `consumed` bytes.
  void add_text(std::string_view text, std::size_t consumed) {
    if (!text.empty()) add(Kind::kText, std::string(text));
    advance(consumed);
  }

  void add(Kind kind, std::string text) {
    Token token;
    token.kind = kind;
    token.text = std::move(text);
    token.line = line_;
    tokens_.push_back(std::move(token));
  }

  void advance(std::size_t count) {
    line_ +=
        static_cast<int>(std::count(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(count), '\n'));
    if (count) line_starting_ = rest_[count - 1] == '\n';
    rest_.remove_prefix(count);
  }

  void skip_spaces() { advance(rest_.size() - strip_left(rest_, is_python_space).size()); }

  /// True, and moved past it, when the rest begins with the end of a tag. `sign` '-' strips what follows;
  /// without a sign a block's end takes one newline with it.
  bool skip_end(std::string_view end, bool is_block) {
    const char sign = sign_at(rest_, 0);
    if (sign == '+' && !is_block) return false;
    if (!rest_.substr(sign ? 1 : 0).starts_with(end)) return false;
    advance(end.size() + (sign ? 1 : 0));
    if (sign == '-') skip_spaces();
    if (!sign && is_block && rest_.starts_with('\n')) advance(1);
    return true;
  }

  void skip_comment() {
    const std::size_t end = rest_.find("#}");
    if (end == kNotFound) throw SyntaxFailure(line_, "the comment does not end");
    advance(end > 0 && sign_at(rest_, end - 1) ? end - 1 : end);
    skip_end("#}", true);
  }

  bool begins_raw() const {
    std::string_view inside = strip_left(rest_, is_python_space);
    if (!inside.starts_with("raw")) return false;
    inside = strip_left(inside.substr(3), is_python_space);
    return inside.starts_with("%}") || inside.starts_with("-%}");
  }

  void lex_raw() {
    advance(rest_.find("raw") + 3);
    skip_spaces();
    const bool strip = rest_.starts_with('-');
    advance(strip ? 3 : 2);
    if (strip) skip_spaces();
    for (std::size_t i = rest_.find("{%"); i != kNotFound; i = rest_.find("{%", i + 1)) {
      const char sign = sign_at(rest_, i + 2);
      const std::string_view tag = strip_left(rest_.substr(i + 2 + (sign ? 1 : 0)), is_python_space);
      if (!tag.starts_with("endraw")) continue;
      const std::string_view after = strip_left(tag.substr(6), is_python_space);
      if (!after.starts_with("%}") && !after.starts_with("-%}") && !after.starts_with("+%}")) continue;
      add_text(stripped_before(rest_.substr(0, i), sign, true), rest_.size() - after.size());
      skip_end("%}", true);
      return;
    }
    throw SyntaxFailure(line_, "the raw block does not end");
  }

  void lex_inside(Kind begin, Kind finish, std::string_view end) {
    add(begin, "");
    std::string open;  // brackets not closed yet: inside them the end of a tag is two operators
    while (true) {
      skip_spaces();
      const int line = line_;
      if (open.empty() && skip_end(end, finish == Kind::kTagEnd)) {
        add(finish, "");
        tokens_.back().line = line;
        return;
      }
      if (rest_.empty()) throw SyntaxFailure(line_, "the tag does not end with " + std::string(end));
      lex_token(open);
    }
  }

  void lex_token(std::string& open) {
    const char c = rest_[0];
    if (is_digit(c)) {
      lex_number();
    } else if (is_name_start(c)) {
      const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_name_part);
      const auto length = static_cast<std::size_t>(end - rest_.begin());
      add(Kind::kName, std::string(rest_.substr(0, length)));
      advance(length);
    } else if (c == '\'' || c == '"') {
      lex_string(c);
    } else {
      lex_operator(open);
    }
  }

  void lex_operator(std::string& open) {
    static constexpr std::string_view kTwo[] = {"**", "//", "==", "!=", ">=", "<="};
    static constexpr std::string_view kOne = "+-*/%~[](){}=<>.:|,;";
    std::size_t length =
        std::any_of(std::begin(kTwo), std::end(kTwo), [&](auto op) { return rest_.starts_with(op); });
    length += 1;
    const char c = rest_[0];
    if (length == 1 && kOne.find(c) == kNotFound) throw SyntaxFailure(line_, unexpected(c));
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) throw SyntaxFailure(line_, unexpected(c));
      open.pop_back();
    }
    add(Kind::kOperator, std::string(rest_.substr(0, length)));
    advance(length);
  }

  static std::string unexpected(char c) { return std::string("unexpected character '") + c + "'"; }

  void lex_number() {
    std::size_t length = 0;
    const auto skip_digits = [&] {
      while (length < rest_.size() && (is_digit(rest_[length]) || rest_[length] == '_')) ++length;
    };
    skip_digits();
    bool is_float = false;
    if (length + 1 < rest_.size() && rest_[length] == '.' && is_digit(rest_[length + 1])) {
      is_float = true;
      ++length;
      skip_digits();
    }
    if (length < rest_.size() && (rest_[length] == 'e' || rest_[length] == 'E')) {
      const std::size_t digits = length + 1 + (sign_at(rest_, length + 1) ? 1 : 0);
      if (digits < rest_.size() && is_digit(rest_[digits])) {
        is_float = true;
        length = digits;
        skip_digits();
      }
    }
    std::string digits(rest_.substr(0, length));
    std::erase(digits, '_');
    if (length < rest_.size() && is_name_start(rest_[length])) {
      throw SyntaxFailure(line_, "'" + digits + rest_[length] + "...' is not a number");
    }
    add_number(digits, is_float);
    advance(length);
  }

  void add_number(const std::string& digits, bool is_float) {
    add(is_float ? Kind::kFloat : Kind::kInteger, digits);
    const char* end = digits.data() + digits.size();
    const auto result = is_float ? std::from_chars(digits.data(), end, tokens_.back().real)
                                 : std::from_chars(digits.data(), end, tokens_.back().integer);
    if (result.ec != std::errc() || result.ptr != end) {
      throw SyntaxFailure(line_, "the number " + digits + " is out of range");
    }
  }

  void lex_string(char quote) {
    std::size_t end = 1;
    while (end < rest_.size() && rest_[end] != quote) end += rest_[end] == '\\' ? 2 : 1;
    if (end >= rest_.size()) throw SyntaxFailure(line_, "the string does not end");
    add(Kind::kString, unescape(rest_.substr(1, end - 1)));
    advance(end + 1);
  }

  /// Python's escapes; an unknown one stays as it is written.
  std::string unescape(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\') {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      static constexpr std::string_view kFrom = "nrtabfv\\'\"";
      static constexpr std::string_view kTo = "\n\r\t\a\b\f\v\\'\"";
      if (const auto simple = kFrom.find(c); simple != kNotFound) {
        out += kTo[simple];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_utf8(out, parse_code_point(text.substr(i + 1, digits), digits, 16));
        i += digits;
      } else if (c >= '0' && c <= '7') {
        std::size_t digits = 1;
        while (digits < 3 && i + digits < text.size() && text[i + digits] >= '0' && text[i + digits] <= '7')
          ++digits;
        append_utf8(out, parse_code_point(text.substr(i, digits), digits, 8));
        i += digits - 1;
      } else if (c == 'N') {
        throw SyntaxFailure(line_, "unsupported: a character by name, \\N{...}");
      } else if (c != '\n') {
        out += '\\';
        out += c;
      }
    }
    return out;
  }

  char32_t parse_code_point(std::string_view digits, std::size_t wanted, int base) const {
    uint32_t value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool whole = result.ec == std::errc() && result.ptr == digits.data() + digits.size();
    if (!whole || digits.size() != wanted || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
      throw SyntaxFailure(line_, "a string holds a broken escape");
    }
    return value;
  }

  const std::string source_;
  std::string_view rest_;
  int line_ = 1;
  bool line_starting_ = true;  // what follows begins a line
  std::vector<Token> tokens_;
};

}  // namespace

std::string Token::describe() const {
  switch (kind) {
    case Kind::kText:
      return "text";
    case Kind::kPrintBegin:
      return "'{{'";
    case Kind::kPrintEnd:
      return "'}}'";
    case Kind::kTagBegin:
      return "'{%'";
    case Kind::kTagEnd:
      return "'%}'";
    case Kind::kEnd:
      return "the end of the template";
    case Kind::kString:
      return "the string \"" + text.substr(0, 40) + "\"";
    default:
      return "'" + text + "'";
  }
}

std::vector<Token> tokenize(const std::string& source) {
  return Lexer(source).run();
}

}  // namespace rlhf::jinja
