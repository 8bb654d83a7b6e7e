#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja_builtins.h"
#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

using FilterFunction = Value (*)(const Value&, const Arguments&, Context&);

/// The text of the input, as Jinja's string filters take it: whatever it is, printed.
std::string soft_text(const Value& input, Context& context) {
  std::string text = to_text(input, context.budget);
  context.budget.spend_bytes(text.size());
  return text;
}

Value filter_tojson(const Value& input, const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = bound[0] && bound[0]->truthy();
  style.sort_keys = bound[3] && bound[3]->truthy();
  if (bound[1] && !bound[1]->is_none()) {
    const int64_t indent = require_integer(*bound[1], "the indent of tojson");
    if (indent < 0 || indent > 64) throw Failure("the indent of tojson must be between 0 and 64");
    style.indent = static_cast<int>(indent);
    style.item_separator = ",";
  }
  if (bound[2] && !bound[2]->is_none()) {
    const List* pair = bound[2]->as_list();
    if (!pair || pair->items.size() != 2) throw Failure("the separators of tojson must be two strings");
    style.item_separator = require_text(pair->items[0], "a separator of tojson");
    style.key_separator = require_text(pair->items[1], "a separator of tojson");
    if (style.item_separator.size() + style.key_separator.size() > 64)
      throw Failure("a separator of tojson is too long");
  }
  return Value::text(to_json_text(input, style, context.budget));
}

Value filter_length(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("length", {});
  return Value::integer(static_cast<int64_t>(length(input, context)));
}

Value filter_trim(const Value& input, const Arguments& arguments, Context& context) {
  const Value text = Value::text(soft_text(input, context));
  return call_method(text, "strip", arguments, context);
}

Value filter_default(const Value& input, const Arguments& arguments, Context&) {
  const auto bound = arguments.bind("default", {"default_value", "boolean"});
  const bool replace = input.is_undefined() || (bound[1] && bound[1]->truthy() && !input.truthy());
  if (!replace) return input;
  return bound[0] ? *bound[0] : Value::text("");
}

/// Follows "a.b.0" from an item, as the attribute arguments of filters do.
Value follow_path(Value item, const Value& path, Context& context) {
  const std::string& text = require_text(path, "an attribute");
  std::string_view rest = text;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string part(rest.substr(0, dot));
    int64_t index = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index =
        !part.empty() && parsed.ec == std::errc() && parsed.ptr == part.data() + part.size();
    item = get_item(item, is_index ? Value::integer(index) : Value::text(part), context);
    if (dot == std::string_view::npos) return item;
    rest.remove_prefix(dot + 1);
  }
}

Value filter_join(const Value& input, const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("join", {"d", "attribute"});
  const std::string separator = bound[0] ? to_text(*bound[0], context.budget) : "";
  std::string out;
  bool first = true;
  const auto items = iterate(input, context);
  for (Value item : items->items) {
    if (bound[1]) item = follow_path(item, *bound[1], context);
    if (!std::exchange(first, false)) out += separator;
    out += soft_text(item, context);
    context.budget.spend_bytes(separator.size());
  }
  return Value::text(std::move(out));
}

Value filter_upper(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("upper", {});
  return Value::text(to_upper(soft_text(input, context)));
}

Value filter_lower(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("lower", {});
  return Value::text(to_lower(soft_text(input, context)));
}

Value filter_capitalize(const Value& input, const Arguments& arguments, Context& context) {
  return call_method(Value::text(soft_text(input, context)), "capitalize", arguments, context);
}

Value filter_list(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("list", {});
  return Value::list(iterate(input, context)->items);
}

Value filter_items(const Value& input, const Arguments& arguments, Context& context) {
  if (input.is_undefined()) return Value::list({});
  if (!input.as_dict()) throw Failure("the filter 'items' needs a mapping, not a " + input.type_name());
  return call_method(input, "items", arguments, context);
}

Value filter_first(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("first", {});
  const auto items = iterate(input, context);
  return items->items.empty() ? Value::undefined("the first item") : items->items.front();
}

Value filter_last(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("last", {});
  const auto items = iterate(input, context);
  return items->items.empty() ? Value::undefined("the last item") : items->items.back();
}

Value filter_reverse(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("reverse", {});
  std::vector<Value> items = iterate(input, context)->items;
  std::reverse(items.begin(), items.end());
  if (!input.as_text()) return Value::list(std::move(items));
  std::string text;
  for (const Value& item : items) text += *item.as_text();
  return Value::text(std::move(text));
}

Value filter_replace(const Value& input, const Arguments& arguments, Context& context) {
  return call_method(Value::text(soft_text(input, context)), "replace", arguments, context);
}

Value filter_string(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("string", {});
  return input.get<SafeText>() ? input : Value::text(soft_text(input, context));
}

Value filter_safe(const Value& input, const Arguments& arguments, Context& context) {
  arguments.bind("safe", {});
  return Value(Value::Data(SafeText{std::make_shared<const std::string>(soft_text(input, context))}));
}

Value filter_int(const Value& input, const Arguments& arguments, Context&) {
  const auto bound = arguments.bind("int", {"default"});
  const Value fallback = bound[0] ? *bound[0] : Value::integer(0);
  int64_t storage = 0;
  if (const int64_t* integer = input.as_integer(storage)) return Value::integer(*integer);
  double real = 0;
  if (const auto* number = input.get<double>()) {
    real = *number;
  } else if (const auto* text = input.as_text()) {
    const std::string_view digits = strip_left(strip_right(*text, is_python_space), is_python_space);
    const char* end = digits.data() + digits.size();
    if (std::from_chars(digits.data(), end, storage).ptr == end && !digits.empty())
      return Value::integer(storage);
    if (digits.empty() || std::from_chars(digits.data(), end, real).ptr != end) return fallback;
  } else {
    return fallback;
  }
  return std::abs(real) < 9e18 ? Value::integer(static_cast<int64_t>(real)) : fallback;
}

bool passes(const Value& item, const Arguments& arguments, std::size_t test_at, Context& context) {
  if (arguments.positional.size() <= test_at) return item.truthy();
  Arguments rest;
  rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(test_at) + 1,
                         arguments.positional.end());
  return apply_test(require_text(arguments.positional[test_at], "the name of a test"), item, rest, context);
}

/// select, reject, selectattr, rejectattr.
Value select_items(const Value& input, const Arguments& arguments, Context& context, bool by_attribute,
                   bool wanted) {
  if (by_attribute && arguments.positional.empty()) throw Failure("selectattr needs an attribute");
  if (!arguments.named.empty()) throw Failure("unsupported: a named argument of select");
  std::vector<Value> kept;
  const auto items = iterate(input, context);
  for (const Value& item : items->items) {
    context.budget.spend(1);
    const Value subject = by_attribute ? follow_path(item, arguments.positional[0], context) : item;
    if (passes(subject, arguments, by_attribute ? 1 : 0, context) == wanted) kept.push_back(item);
  }
  return Value::list(std::move(kept));
}

Value filter_map(const Value& input, const Arguments& arguments, Context& context) {
  std::vector<Value> mapped;
  const bool by_attribute = arguments.positional.empty();
  const auto bound = by_attribute ? arguments.bind("map", {"attribute"}) : std::vector<const Value*>{nullptr};
  if (by_attribute && !bound[0]) throw Failure("map needs an attribute or a filter");
  Arguments rest;
  if (!by_attribute) rest.positional.assign(arguments.positional.begin() + 1, arguments.positional.end());
  const auto items = iterate(input, context);
  for (const Value& item : items->items) {
    context.budget.spend(1);
    mapped.push_back(
        by_attribute ? follow_path(item, *bound[0], context)
                     : apply_filter(require_text(arguments.positional[0], "a filter"), item, rest, context));
  }
  return Value::list(std::move(mapped));
}

constexpr std::pair<std::string_view, FilterFunction> kFilters[] = {
    {"capitalize", filter_capitalize},
    {"count", filter_length},
    {"d", filter_default},
    {"default", filter_default},
    {"first", filter_first},
    {"int", filter_int},
    {"items", filter_items},
    {"join", filter_join},
    {"last", filter_last},
    {"length", filter_length},
    {"list", filter_list},
    {"lower", filter_lower},
    {"map", filter_map},
    {"reject",
     [](const Value& v, const Arguments& a, Context& c) { return select_items(v, a, c, false, false); }},
    {"rejectattr",
     [](const Value& v, const Arguments& a, Context& c) { return select_items(v, a, c, true, false); }},
    {"replace", filter_replace},
    {"reverse", filter_reverse},
    {"safe", filter_safe},
    {"select",
     [](const Value& v, const Arguments& a, Context& c) { return select_items(v, a, c, false, true); }},
    {"selectattr",
     [](const Value& v, const Arguments& a, Context& c) { return select_items(v, a, c, true, true); }},
    {"string", filter_string},
    {"tojson", filter_tojson},
    {"trim", filter_trim},
    {"upper", filter_upper},
};

}  // namespace

Value apply_filter(const std::string& name, const Value& input, const Arguments& arguments,
                   Context& context) {
  const auto* found =
      std::find_if(std::begin(kFilters), std::end(kFilters), [&](auto& f) { return f.first == name; });
  if (found == std::end(kFilters)) throw Failure("unsupported: the filter '" + name + "'");
  const bool takes_safe = name == "string" || name == "safe" || name == "tojson" || name.starts_with("d");
  if (input.get<SafeText>() && !takes_safe)
    throw Failure("unsupported: '" + name + "' on a string marked safe");
  return found->second(input, arguments, context);
}

}  // namespace rlhf::jinja
