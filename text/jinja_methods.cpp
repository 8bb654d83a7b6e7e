#include <algorithm>
#include <limits>

#include "text/jinja_builtins.h"
#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Value text_list(const std::vector<std::string_view>& pieces, Context& context) {
  context.budget.spend(4 * pieces.size());
  std::vector<Value> items;
  items.reserve(pieces.size());
  for (const auto piece : pieces) items.push_back(Value::text(std::string(piece)));
  return Value::list(std::move(items));
}

CharacterTest dropped_characters(const Value* characters) {
  if (!characters || characters->is_none()) return is_python_space;
  const std::string& text = require_text(*characters, "the characters to strip");
  std::vector<char32_t> set;
  for (std::size_t i = 0, length = 0; i < text.size(); i += length)
    set.push_back(code_point_at(text, i, length));
  std::sort(set.begin(), set.end());
  return [set = std::move(set)](char32_t c) { return std::binary_search(set.begin(), set.end(), c); };
}

/// str.split() without a separator: runs of white space separate, none at the borders count.
std::vector<std::string_view> split_spaces(std::string_view text, std::size_t max_splits) {
  std::vector<std::string_view> pieces;
  for (text = strip_left(text, is_python_space); !text.empty(); text = strip_left(text, is_python_space)) {
    if (pieces.size() == max_splits) {
      pieces.push_back(text);
      break;
    }
    const std::string_view rest = strip_left(text, [](char32_t c) { return !is_python_space(c); });
    pieces.push_back(text.substr(0, text.size() - rest.size()));
    text = rest;
  }
  return pieces;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       std::size_t max_splits) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = text.find(separator); at != std::string_view::npos && pieces.size() < max_splits;
       at = text.find(separator)) {
    pieces.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  pieces.push_back(text);
  return pieces;
}

std::vector<std::string_view> split_at_from_right(std::string_view text, std::string_view separator,
                                                  std::size_t max_splits) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = text.rfind(separator); at != std::string_view::npos && pieces.size() < max_splits;
       at = text.rfind(separator)) {
    pieces.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  pieces.push_back(text);
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}

Value split(const std::string& text, bool from_right, const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("split", {"sep", "maxsplit"});
  const int64_t limit = bound[1] ? require_integer(*bound[1], "maxsplit") : -1;
  const std::size_t max_splits =
      limit < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
  if (!bound[0] || bound[0]->is_none()) {
    if (from_right && limit >= 0) throw Failure("unsupported: rsplit at white space with a limit");
    return text_list(split_spaces(text, max_splits), context);
  }
  const std::string& separator = require_text(*bound[0], "the separator of split");
  if (separator.empty()) throw Failure("the separator of split is empty");
  return text_list(
      from_right ? split_at_from_right(text, separator, max_splits) : split_at(text, separator, max_splits),
      context);
}

Value split_lines(std::string_view text, const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("splitlines", {"keepends"});
  const bool keep = bound[0] && bound[0]->truthy();
  std::vector<std::string_view> lines;
  std::size_t start = 0;
  for (std::size_t i = 0, size = 0; i < text.size(); i += size) {
    const char32_t c = code_point_at(text, i, size);
    const bool ends =
        (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!ends) continue;
    if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') size = 2;
    lines.push_back(text.substr(start, (keep ? i + size : i) - start));
    start = i + size;
  }
  if (start < text.size()) lines.push_back(text.substr(start));
  return text_list(lines, context);
}

bool has_affix(const std::string& text, bool at_start, const Arguments& arguments) {
  const std::string what = at_start ? "startswith" : "endswith";
  const auto bound = arguments.bind(what, {"affix"});
  if (!bound[0]) throw Failure(what + " needs an argument");
  const auto matches = [&](const Value& affix) {
    const std::string& wanted = require_text(affix, "the argument of " + what);
    return at_start ? text.starts_with(wanted) : text.ends_with(wanted);
  };
  const List* several = bound[0]->as_list();
  if (!several || !several->tuple) return matches(*bound[0]);
  return std::any_of(several->items.begin(), several->items.end(), matches);
}

Value replace(const std::string& text, const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("replace", {"old", "new", "count"});
  if (!bound[0] || !bound[1]) throw Failure("replace needs two strings");
  const std::string& old_text = require_text(*bound[0], "the first argument of replace");
  const std::string& new_text = require_text(*bound[1], "the second argument of replace");
  int64_t left = bound[2] && !bound[2]->is_none() ? require_integer(*bound[2], "the count of replace") : -1;
  if (old_text.empty()) throw Failure("unsupported: replacing the empty string");
  std::string out;
  std::size_t start = 0;
  for (std::size_t at = text.find(old_text); at != std::string::npos && left != 0;
       at = text.find(old_text, start)) {
    context.budget.spend_bytes(new_text.size());
    out.append(text, start, at - start).append(new_text);
    start = at + old_text.size();
    --left;
  }
  return Value::text(out.append(text, start));
}

Value join(const std::string& separator, const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("join", {"iterable"});
  if (!bound[0]) throw Failure("join needs an argument");
  std::string out;
  bool first = true;
  const auto items = iterate(*bound[0], context);
  for (const Value& item : items->items) {
    const std::string& text = require_text(item, "what join puts together");
    context.budget.spend_bytes(text.size() + separator.size());
    if (!std::exchange(first, false)) out += separator;
    out += text;
  }
  return Value::text(std::move(out));
}

int64_t count_or_find(const std::string& text, bool find, const Arguments& arguments) {
  const auto bound = arguments.bind(find ? "find" : "count", {"sub"});
  if (!bound[0]) throw Failure(find ? "find needs an argument" : "count needs an argument");
  const std::string& wanted = require_text(*bound[0], "what is looked for");
  std::size_t at = text.find(wanted);
  if (find) return at == std::string::npos ? -1 : static_cast<int64_t>(code_point_count(text.substr(0, at)));
  if (wanted.empty()) return static_cast<int64_t>(code_point_count(text)) + 1;
  int64_t count = 0;
  for (; at != std::string::npos; at = text.find(wanted, at + wanted.size())) ++count;
  return count;
}

std::string capitalize(const std::string& text) {
  std::size_t length = 0;
  if (!text.empty()) code_point_at(text, 0, length);
  return to_upper(text.substr(0, length)) + to_lower(text.substr(length));
}

Value call_text_method(const std::string& self, const std::string& name, const Arguments& arguments,
                       Context& context) {
  context.budget.spend_bytes(self.size());
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    const CharacterTest drop = dropped_characters(arguments.bind(name, {"chars"})[0]);
    std::string_view text = self;
    if (name != "rstrip") text = strip_left(text, drop);
    if (name != "lstrip") text = strip_right(text, drop);
    return Value::text(std::string(text));
  }
  if (name == "split" || name == "rsplit") return split(self, name == "rsplit", arguments, context);
  if (name == "splitlines") return split_lines(self, arguments, context);
  if (name == "startswith" || name == "endswith") {
    return Value::boolean(has_affix(self, name == "startswith", arguments));
  }
  if (name == "replace") return replace(self, arguments, context);
  if (name == "join") return join(self, arguments, context);
  if (name == "find" || name == "count")
    return Value::integer(count_or_find(self, name == "find", arguments));
  if (name != "upper" && name != "lower" && name != "capitalize") {
    throw Failure("unsupported: the string method '" + name + "'");
  }
  arguments.bind(name, {});
  return Value::text(name == "upper" ? to_upper(self) : name == "lower" ? to_lower(self) : capitalize(self));
}

Value call_dict_method(const Dict& self, const std::string& name, const Arguments& arguments,
                       Context& context) {
  context.budget.spend(1 + self.entries.size());
  if (name == "get") {
    const auto bound = arguments.bind("get", {"key", "default"});
    if (!bound[0]) throw Failure("get needs a key");
    const Value* found = bound[0]->as_text() ? self.find(*bound[0]->as_text()) : nullptr;
    return found ? *found : bound[1] ? *bound[1] : Value::none();
  }
  if (name != "keys" && name != "values" && name != "items") {
    throw Failure("unsupported: the mapping method '" + name + "'");
  }
  arguments.bind(name, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.entries) {
    if (name == "keys") {
      items.push_back(Value::text(key));
    } else if (name == "values") {
      items.push_back(value);
    } else {
      items.push_back(Value::list({Value::text(key), value}, true));
    }
  }
  return Value::list(std::move(items));
}

}  // namespace

bool is_method(const Value& self, std::string_view name) {
  static constexpr std::string_view kText[] = {
      "capitalize", "casefold",     "center",       "count",   "encode",     "endswith",    "expandtabs",
      "find",       "format",       "format_map",   "index",   "isalnum",    "isalpha",     "isascii",
      "isdecimal",  "isdigit",      "isidentifier", "islower", "isnumeric",  "isprintable", "isspace",
      "istitle",    "isupper",      "join",         "ljust",   "lower",      "lstrip",      "maketrans",
      "partition",  "removeprefix", "removesuffix", "replace", "rfind",      "rindex",      "rjust",
      "rpartition", "rsplit",       "rstrip",       "split",   "splitlines", "startswith",  "strip",
      "swapcase",   "title",        "translate",    "upper",   "zfill"};
  static constexpr std::string_view kDict[] = {"clear", "copy",    "fromkeys",   "get",    "items", "keys",
                                               "pop",   "popitem", "setdefault", "update", "values"};
  static constexpr std::string_view kList[] = {"append", "clear", "copy",   "count",   "extend", "index",
                                               "insert", "pop",   "remove", "reverse", "sort"};
  if (self.as_text()) return is_one_of(name, kText);
  if (self.as_dict()) return is_one_of(name, kDict);
  return self.as_list() && is_one_of(name, kList);
}

Value call_method(const Value& self, const std::string& name, const Arguments& arguments, Context& context) {
  if (const auto* text = self.as_text()) return call_text_method(*text, name, arguments, context);
  if (const auto* dict = self.as_dict()) return call_dict_method(*dict, name, arguments, context);
  throw Failure("unsupported: the list method '" + name + "'");
}

}  // namespace rlhf::jinja
