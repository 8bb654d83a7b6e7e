// What may stand after `is`.
#include "text/jinja_builtins.h"

namespace rlhf::jinja {
namespace {

bool is_sequence(const Value& v) {
  return v.as_text() || v.as_list() || v.as_dict() || v.is_undefined() || v.get<SafeText>();
}

bool same_object(const Value& a, const Value& b, Context& context) {
  if (a.as_list() || b.as_list()) return a.as_list() == b.as_list();
  if (a.as_dict() || b.as_dict()) return a.as_dict() == b.as_dict();
  if (a.as_namespace() || b.as_namespace()) return a.as_namespace() == b.as_namespace();
  const bool same_kind = (a.get<bool>() != nullptr) == (b.get<bool>() != nullptr) &&
                         (a.get<double>() != nullptr) == (b.get<double>() != nullptr);
  return same_kind && equal(a, b, context.budget);
}

/// Remainder of `input` by `divisor` for even, odd and divisibleby.
bool divides(const Value& input, int64_t divisor) {
  if (divisor == 0) throw Failure("division by zero");
  return divisor == -1 || require_integer(input, "what is tested for divisibility") % divisor == 0;
}

/// Tests that take one argument; false in `known` when there is none of that name.
bool apply_binary_test(const std::string& name, const Value& input, const Arguments& arguments,
                       Context& context, bool& known) {
  const bool is_equal = name == "eq" || name == "equalto";
  const bool is_order = name == "lt" || name == "le" || name == "gt" || name == "ge";
  known = is_equal || is_order || name == "ne" || name == "in" || name == "sameas" || name == "divisibleby";
  if (!known) return false;
  const auto bound = arguments.bind(name, {"other"});
  if (!bound[0]) throw Failure("the test '" + name + "' needs an argument");
  const Value& other = *bound[0];
  if (is_equal) return equal(input, other, context.budget);
  if (name == "ne") return !equal(input, other, context.budget);
  if (name == "in") return contains(other, input, context);
  if (name == "sameas") return same_object(input, other, context);
  if (name == "divisibleby") return divides(input, require_integer(other, "the divisor"));
  const int order = compare(input, other, context.budget);
  return name == "lt" ? order < 0 : name == "le" ? order <= 0 : name == "gt" ? order > 0 : order >= 0;
}

}  // namespace

bool apply_test(const std::string& name, const Value& input, const Arguments& arguments, Context& context) {
  bool known = false;
  const bool result = apply_binary_test(name, input, arguments, context, known);
  if (known) return result;
  arguments.bind(name, {});
  if (name == "defined") return !input.is_undefined();
  if (name == "undefined") return input.is_undefined();
  if (name == "none") return input.is_none();
  if (name == "string") return input.as_text() || input.get<SafeText>();
  if (name == "mapping") return input.as_dict() != nullptr;
  if (name == "iterable" || name == "sequence") return is_sequence(input);
  if (name == "number") return input.is_number();
  if (name == "integer") return input.get<int64_t>() != nullptr;
  if (name == "float") return input.get<double>() != nullptr;
  if (name == "boolean") return input.get<bool>() != nullptr;
  if (name == "true") return input.get<bool>() && *input.get<bool>();
  if (name == "false") return input.get<bool>() && !*input.get<bool>();
  if (name == "even") return divides(input, 2);
  if (name == "odd") return !divides(input, 2);
  if (name == "callable") return input.as_callable() != nullptr;
  throw Failure("unsupported: the test '" + name + "'");
}

}  // namespace rlhf::jinja
