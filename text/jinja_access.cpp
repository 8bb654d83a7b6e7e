// Looking into values: members, items, iteration, containment.
#include <algorithm>

#include "text/jinja_builtins.h"
#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

constexpr std::size_t kUnitsPerItem = 4;

Value loop_member(const Loop& loop, const std::string& name) {
  const std::size_t count = loop.items->items.size();
  const auto number = [](std::size_t value) { return Value::integer(static_cast<int64_t>(value)); };
  if (name == "index") return number(loop.index0 + 1);
  if (name == "index0") return number(loop.index0);
  if (name == "revindex") return number(count - loop.index0);
  if (name == "revindex0") return number(count - loop.index0 - 1);
  if (name == "length") return number(count);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "last") return Value::boolean(loop.index0 + 1 == count);
  if (name == "depth") return Value::integer(1);  // only recursive loops go deeper
  if (name == "depth0") return Value::integer(0);
  if (name == "previtem") {
    return loop.index0 ? loop.items->items[loop.index0 - 1] : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return loop.index0 + 1 < count ? loop.items->items[loop.index0 + 1]
                                   : Value::undefined("there is no next item");
  }
  throw Failure("unsupported: loop." + name);
}

Value bound_method(const Value& self, const std::string& name) {
  return Value(Value::Data(std::make_shared<const Callable>(Callable{name, true, self})));
}

Value character_at(const std::string& text, int64_t index, Context& context) {
  context.budget.spend_bytes(text.size());
  const std::vector<std::size_t> offsets = code_point_offsets(text);
  const auto count = static_cast<int64_t>(offsets.size()) - 1;
  if (index < 0) index += count;
  if (index < 0 || index >= count) return Value::undefined("a string index out of range");
  const auto at = static_cast<std::size_t>(index);
  return Value::text(text.substr(offsets[at], offsets[at + 1] - offsets[at]));
}

}  // namespace

const std::string& require_text(const Value& value, const std::string& what) {
  if (const auto* text = value.as_text()) return *text;
  if (value.is_undefined()) throw Failure(value.type_name());
  throw Failure(what + " must be a string, not a " + value.type_name());
}

int64_t require_integer(const Value& value, const std::string& what) {
  int64_t storage = 0;
  if (const int64_t* integer = value.as_integer(storage)) return *integer;
  if (value.is_undefined()) throw Failure(value.type_name());
  throw Failure(what + " must be an integer, not a " + value.type_name());
}

Value get_member(const Value& object, const std::string& name) {
  if (object.is_undefined()) throw Failure(object.type_name() + ", so it has no '" + name + "'");
  if (const auto* loop = object.as_loop()) return loop_member(*loop, name);
  if (is_method(object, name)) return bound_method(object, name);
  const Value* found = nullptr;
  if (const auto* dict = object.as_dict()) found = dict->find(name);
  if (const auto* space = object.as_namespace()) found = space->find(name);
  return found ? *found : Value::undefined(name);
}

Value get_item(const Value& object, const Value& key, Context& context) {
  if (object.is_undefined()) throw Failure(object.type_name() + ", so it has no items");
  if (const auto* name = key.as_text()) {
    if (const auto* dict = object.as_dict()) {
      context.budget.spend(dict->entries.size() / 8);
      if (const Value* found = dict->find(*name)) return *found;
    }
    return get_member(object, *name);
  }
  int64_t storage = 0;
  const int64_t* index = key.as_integer(storage);
  if (index && object.as_text()) return character_at(*object.as_text(), *index, context);
  if (index && object.as_list()) {
    const auto& items = object.as_list()->items;
    const int64_t at = *index < 0 ? *index + static_cast<int64_t>(items.size()) : *index;
    if (at >= 0 && at < static_cast<int64_t>(items.size())) return items[static_cast<std::size_t>(at)];
  }
  return Value::undefined(index ? "item " + std::to_string(*index) : "an item");
}

std::shared_ptr<const List> iterate(const Value& value, Context& context) {
  if (const auto* list = value.get<std::shared_ptr<const List>>()) return *list;
  List items;
  if (const auto* text = value.as_text()) {
    context.budget.spend(kUnitsPerItem * text->size());
    const std::vector<std::size_t> offsets = code_point_offsets(*text);
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      items.items.push_back(Value::text(text->substr(offsets[i], offsets[i + 1] - offsets[i])));
    }
  } else if (const auto* dict = value.as_dict()) {
    context.budget.spend(kUnitsPerItem * dict->entries.size());
    for (const auto& entry : dict->entries) items.items.push_back(Value::text(entry.first));
  } else if (!value.is_undefined()) {
    throw Failure("cannot loop over a " + value.type_name());
  }
  return std::make_shared<const List>(std::move(items));
}

bool contains(const Value& container, const Value& item, Context& context) {
  if (const auto* text = container.as_text()) {
    const std::string& wanted = require_text(item, "what is looked for in a string");
    context.budget.spend_bytes(text->size());
    return text->find(wanted) != std::string::npos;
  }
  if (const auto* dict = container.as_dict()) {
    context.budget.spend(1 + dict->entries.size() / 8);
    return item.as_text() && dict->find(*item.as_text());
  }
  if (container.is_undefined()) return false;
  if (!container.as_list()) throw Failure("cannot look for something in a " + container.type_name());
  const auto& items = container.as_list()->items;
  return std::any_of(items.begin(), items.end(),
                     [&](const Value& one) { return equal(one, item, context.budget); });
}

std::size_t length(const Value& value, Context& context) {
  if (const auto* list = value.as_list()) return list->items.size();
  if (const auto* dict = value.as_dict()) return dict->entries.size();
  if (value.is_undefined()) return 0;
  if (!value.as_text()) throw Failure("a " + value.type_name() + " has no length");
  context.budget.spend_bytes(value.as_text()->size());
  return code_point_count(*value.as_text());
}

}  // namespace rlhf::jinja
