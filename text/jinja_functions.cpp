#include <algorithm>
#include <array>

#include "text/jinja_builtins.h"
#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

constexpr int64_t kMaxRange = 100'000;  // the limit of Jinja's sandbox

Value make_range(const Arguments& arguments, Context& context) {
  const auto bound = arguments.bind("range", {"start", "stop", "step"});
  if (!bound[0]) throw Failure("range needs an argument");
  const int64_t first = require_integer(*bound[0], "an argument of range");
  const int64_t start = bound[1] ? first : 0;
  const int64_t stop = bound[1] ? require_integer(*bound[1], "an argument of range") : first;
  const int64_t step = bound[2] ? require_integer(*bound[2], "an argument of range") : 1;
  if (step == 0) throw Failure("the step of range is 0");
  const double count = (static_cast<double>(stop) - static_cast<double>(start)) / static_cast<double>(step);
  if (count > static_cast<double>(kMaxRange)) {
    throw Failure("range is longer than " + std::to_string(kMaxRange) + " items");
  }
  std::vector<Value> items;
  for (int64_t i = start, left = kMaxRange; left > 0 && (step > 0 ? i < stop : i > stop); --left) {
    context.budget.spend(1);
    items.push_back(Value::integer(i));
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return Value::list(std::move(items));
}

Value make_namespace(const Arguments& arguments) {
  auto space = std::make_shared<Namespace>();
  if (arguments.positional.size() > 1) throw Failure("namespace takes one mapping at most");
  if (!arguments.positional.empty()) {
    const Dict* dict = arguments.positional[0].as_dict();
    if (!dict) throw Failure("namespace takes a mapping, not a " + arguments.positional[0].type_name());
    for (const auto& [name, value] : dict->entries) space->assign(name, value);
  }
  for (const auto& [name, value] : arguments.named) space->assign(name, value);
  return Value(Value::Data(std::move(space)));
}

Value make_dict(const Arguments& arguments) {
  if (!arguments.positional.empty()) throw Failure("unsupported: dict with a positional argument");
  return Value::dict(arguments.named);
}

Value format_now(const Arguments& arguments, const Context& context) {
  const auto bound = arguments.bind("strftime_now", {"format"});
  if (!bound[0]) throw Failure("strftime_now needs a format");
  const std::string& format = require_text(*bound[0], "the format of strftime_now");
  if (format.empty()) return Value::text("");
  std::array<char, 512> buffer;
  const std::size_t length = std::strftime(buffer.data(), buffer.size(), format.c_str(), &context.now);
  if (length == 0) throw Failure("strftime_now cannot format \"" + format.substr(0, 40) + "\"");
  return Value::text(std::string(buffer.data(), length));
}

}  // namespace

std::vector<const Value*> Arguments::bind(const std::string& what,
                                          const std::vector<std::string_view>& names) const {
  std::vector<const Value*> bound(names.size(), nullptr);
  if (positional.size() > names.size()) throw Failure(what + " got too many arguments");
  for (std::size_t i = 0; i < positional.size(); ++i) bound[i] = &positional[i];
  for (const auto& [name, value] : named) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw Failure("unsupported: the argument '" + name + "' of " + what);
    bound[static_cast<std::size_t>(found - names.begin())] = &value;
  }
  return bound;
}

bool is_function(std::string_view name) {
  static constexpr std::string_view kFunctions[] = {"range", "namespace", "dict", "raise_exception",
                                                    "strftime_now"};
  return std::find(std::begin(kFunctions), std::end(kFunctions), name) != std::end(kFunctions);
}

Value call_function(const std::string& name, const Arguments& arguments, Context& context) {
  if (name == "range") return make_range(arguments, context);
  if (name == "namespace") return make_namespace(arguments);
  if (name == "dict") return make_dict(arguments);
  if (name == "strftime_now") return format_now(arguments, context);
  const auto bound = arguments.bind("raise_exception", {"message"});
  throw Failure(bound[0] ? to_text(*bound[0], context.budget) : "the template raised an exception");
}

}  // namespace rlhf::jinja
