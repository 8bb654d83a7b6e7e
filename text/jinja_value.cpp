#include "text/jinja_value.h"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

namespace rlhf::jinja {
namespace {

/// Namespaces could make cycles and callables could hide depth: neither may be kept inside another value.
int storable_depth(const Value& value) {
  if (value.as_namespace() || value.as_loop() || value.as_callable()) {
    throw Failure("unsupported: a " + value.type_name() + " kept inside another value");
  }
  if (value.depth() >= Value::kMaxDepth) throw Failure("values are nested too deeply");
  return value.depth();
}

const Value* find_entry(const std::vector<std::pair<std::string, Value>>& entries, std::string_view key) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.first == key; });
  return found == entries.end() ? nullptr : &found->second;
}

bool equal_lists(const List& a, const List& b, Budget& budget) {
  if (a.tuple != b.tuple || a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!equal(a.items[i], b.items[i], budget)) return false;
  }
  return true;
}

bool equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    budget.spend(1 + b.entries.size() / 8);
    const Value* other = b.find(key);
    if (!other || !equal(value, *other, budget)) return false;
  }
  return true;
}

}  // namespace

Value Value::list(std::vector<Value> items, bool tuple) {
  List made{std::move(items), tuple, 1};
  for (const Value& item : made.items) made.depth = std::max(made.depth, 1 + storable_depth(item));
  return Value(Data(std::make_shared<const List>(std::move(made))));
}

Value Value::dict(std::vector<std::pair<std::string, Value>> entries) {
  Dict made{std::move(entries), 1};
  for (const auto& [key, value] : made.entries) made.depth = std::max(made.depth, 1 + storable_depth(value));
  return Value(Data(std::make_shared<const Dict>(std::move(made))));
}

Value Value::from_json(const nlohmann::ordered_json& json, int depth) {
  using Kind = nlohmann::ordered_json::value_t;
  if (depth > kMaxDepth) throw Failure("values are nested too deeply");
  switch (json.type()) {
    case Kind::boolean:
      return boolean(json.get<bool>());
    case Kind::number_integer:
      return integer(json.get<int64_t>());
    case Kind::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        throw Failure("the integer " + json.dump() + " does not fit 64 bits");
      }
      return integer(json.get<int64_t>());
    case Kind::number_float:
      return Value(Data(json.get<double>()));
    case Kind::string:
      return text(json.get_ref<const std::string&>());
    case Kind::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json(item, depth + 1));
      return list(std::move(items));
    }
    case Kind::object: {
      std::vector<std::pair<std::string, Value>> entries;
      entries.reserve(json.size());
      for (const auto& [key, item] : json.items()) entries.emplace_back(key, from_json(item, depth + 1));
      return dict(std::move(entries));
    }
    default:
      return none();
  }
}

const int64_t* Value::as_integer(int64_t& storage) const {
  if (const auto* flag = get<bool>()) {
    storage = *flag ? 1 : 0;
    return &storage;
  }
  return get<int64_t>();
}

bool Value::truthy() const {
  if (const auto* flag = get<bool>()) return *flag;
  if (const auto* number = get<int64_t>()) return *number != 0;
  if (const auto* real = get<double>()) return *real != 0.0;
  if (const auto* string = as_text()) return !string->empty();
  if (const auto* safe = get<SafeText>()) return !safe->text->empty();
  if (const auto* items = as_list()) return !items->items.empty();
  if (const auto* mapping = as_dict()) return !mapping->entries.empty();
  return !is_undefined() && !is_none();
}

std::string Value::type_name() const {
  if (const auto* missing = get<Undefined>()) {
    return missing->name.empty() ? "undefined value" : "'" + missing->name + "' is undefined";
  }
  if (const auto* items = as_list()) return items->tuple ? "tuple" : "list";
  if (is_none()) return "none";
  if (get<bool>()) return "boolean";
  if (get<int64_t>()) return "integer";
  if (get<double>()) return "float";
  if (as_text()) return "string";
  if (get<SafeText>()) return "string marked safe";
  if (as_dict()) return "mapping";
  if (as_namespace()) return "namespace";
  if (as_loop()) return "loop";
  return "callable";
}

int Value::depth() const {
  if (const auto* items = as_list()) return items->depth;
  if (const auto* mapping = as_dict()) return mapping->depth;
  return 0;
}

const Value* Dict::find(std::string_view key) const {
  return find_entry(entries, key);
}
const Value* Namespace::find(std::string_view name) const {
  return find_entry(attributes, name);
}

void Namespace::assign(const std::string& name, Value value) {
  storable_depth(value);
  if (name.starts_with("_"))
    throw Failure("the namespace attribute '" + name + "' may not begin with an underscore");
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  if (found == attributes.end()) {
    attributes.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

double to_double(const Value& number) {
  if (const auto* real = number.get<double>()) return *real;
  int64_t storage = 0;
  const int64_t* integer = number.as_integer(storage);
  return integer ? static_cast<double>(*integer) : 0.0;
}

bool equal(const Value& a, const Value& b, Budget& budget) {
  budget.spend(1);
  if (a.is_number() && b.is_number()) {
    int64_t left = 0, right = 0;
    const int64_t* x = a.as_integer(left);
    const int64_t* y = b.as_integer(right);
    return x && y ? *x == *y : to_double(a) == to_double(b);
  }
  if (a.as_text() && b.as_text()) {
    budget.spend_bytes(std::min(a.as_text()->size(), b.as_text()->size()));
    return *a.as_text() == *b.as_text();
  }
  if (a.as_list() && b.as_list()) return equal_lists(*a.as_list(), *b.as_list(), budget);
  if (a.as_dict() && b.as_dict()) return equal_dicts(*a.as_dict(), *b.as_dict(), budget);
  if (a.get<SafeText>() || b.get<SafeText>()) throw Failure("unsupported: comparing a string marked safe");
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

int compare(const Value& a, const Value& b, Budget& budget) {
  budget.spend(1);
  if (a.is_number() && b.is_number()) {
    int64_t left = 0, right = 0;
    const int64_t* x = a.as_integer(left);
    const int64_t* y = b.as_integer(right);
    if (x && y) return *x < *y ? -1 : *x > *y;
    return to_double(a) < to_double(b) ? -1 : to_double(a) > to_double(b);
  }
  if (a.as_text() && b.as_text()) {
    budget.spend_bytes(std::min(a.as_text()->size(), b.as_text()->size()));
    return a.as_text()->compare(*b.as_text());  // bytes of UTF-8 sort as code points do
  }
  throw Failure("cannot order a " + a.type_name() + " and a " + b.type_name());
}

}  // namespace rlhf::jinja
