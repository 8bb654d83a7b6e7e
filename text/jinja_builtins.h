#pragma once
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja_value.h"

namespace rlhf::jinja {

/// What a rendering carries along.
struct Context {
  Budget budget;
  std::tm now{};  ///< what strftime_now formats
};

/// Evaluated arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;

  /// The arguments in the order of `names`, nullptr where absent. Throws Failure for one too many or an
  /// unknown name; `what` is the callee, for the message.
  std::vector<const Value*> bind(const std::string& what, const std::vector<std::string_view>& names) const;
};

bool is_function(std::string_view name);
Value call_function(const std::string& name, const Arguments& arguments, Context& context);

/// True for the names that are methods of a string or a mapping in Python, whether they can be called here or
/// not.
bool is_method(const Value& self, std::string_view name);
Value call_method(const Value& self, const std::string& name, const Arguments& arguments, Context& context);

Value apply_filter(const std::string& name, const Value& input, const Arguments& arguments, Context& context);
bool apply_test(const std::string& name, const Value& input, const Arguments& arguments, Context& context);

/// object.name and object[key] as Jinja looks them up: a missing one is undefined; of an undefined object, a
/// Failure.
Value get_member(const Value& object, const std::string& name);
Value get_item(const Value& object, const Value& key, Context& context);

/// What a for runs over: items of a list, characters of a string, keys of a mapping, nothing for undefined.
std::shared_ptr<const List> iterate(const Value& value, Context& context);
bool contains(const Value& container, const Value& item, Context& context);
/// Python's len(), for what has one.
std::size_t length(const Value& value, Context& context);

/// An argument as text or integer; Failure naming `what` otherwise.
const std::string& require_text(const Value& value, const std::string& what);
int64_t require_integer(const Value& value, const std::string& what);

}  // namespace rlhf::jinja
