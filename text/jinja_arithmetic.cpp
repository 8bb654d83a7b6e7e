#include "text/jinja_arithmetic.h"

#include <algorithm>
#include <cmath>

#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

[[noreturn]] void fail_operands(const std::string& op, const Value& a, const Value& b) {
  if (a.is_undefined()) throw Failure(a.type_name());
  if (b.is_undefined()) throw Failure(b.type_name());
  throw Failure("unsupported: " + a.type_name() + " " + op + " " + b.type_name());
}

int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

/// Python's float %: the sign of the divisor.
double float_modulo(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (; exponent > 0; --exponent) {
    if (base == 0 || base == 1) return base;
    if (base == -1) return exponent % 2 ? -result : result;
    if (__builtin_mul_overflow(result, base, &result)) throw Failure("an integer is out of range");
  }
  return result;
}

Value integer_arithmetic(const std::string& op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (op == "**") {
    result = power(a, b);
  } else if (b == 0) {
    throw Failure("division by zero");
  } else if (op == "//" || op == "%") {
    overflow = b == -1 && __builtin_sub_overflow(int64_t{0}, a, &result);
    if (b != -1) result = op == "//" ? floor_divide(a, b) : a - b * floor_divide(a, b);
    if (b == -1 && op == "%") result = 0;
  }
  if (overflow) throw Failure("an integer is out of range");
  return Value::integer(result);
}

Value float_arithmetic(const std::string& op, double a, double b) {
  if (b == 0 && (op == "/" || op == "//" || op == "%")) throw Failure("division by zero");
  if (op == "+") return Value(Value::Data(a + b));
  if (op == "-") return Value(Value::Data(a - b));
  if (op == "*") return Value(Value::Data(a * b));
  if (op == "/") return Value(Value::Data(a / b));
  if (op == "//") return Value(Value::Data(std::floor(a / b)));
  return Value(Value::Data(op == "%" ? float_modulo(a, b) : std::pow(a, b)));
}

Value repeat(const std::string& text, int64_t times, Context& context) {
  const auto count = static_cast<std::size_t>(std::max<int64_t>(times, 0));
  if (count > 1'000'000) throw Failure("a string is repeated more than a million times");
  context.budget.spend_bytes(text.size() * count);
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += text;
  return Value::text(std::move(out));
}

Value concatenate_lists(const List& a, const List& b, Context& context) {
  context.budget.spend(a.items.size() + b.items.size());
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return Value::list(std::move(items), a.tuple);
}

Value concatenate_texts(const std::string& a, const std::string& b, Context& context) {
  context.budget.spend_bytes(a.size() + b.size());
  return Value::text(a + b);
}

/// Python's PySlice_AdjustIndices: clamps the borders to the length, counting negative ones from the end.
int64_t clamp_border(const Value* border, int64_t fallback, int64_t length, bool backwards) {
  if (!border || border->is_none()) return fallback;
  int64_t at = require_integer(*border, "the border of a slice");
  if (at < 0)
    at = at < -length ? -1 : at + length;
  else if (backwards)
    at = std::min(at, length - 1);
  return std::clamp<int64_t>(at, backwards ? -1 : 0, length);
}

}  // namespace

Value apply_binary(const std::string& op, const Value& a, const Value& b, Context& context) {
  if (op == "~") {
    return concatenate_texts(to_text(a, context.budget), to_text(b, context.budget), context);
  }
  if (a.is_number() && b.is_number()) {
    int64_t left = 0, right = 0;
    const int64_t* x = a.as_integer(left);
    const int64_t* y = b.as_integer(right);
    const bool whole = x && y && op != "/" && !(op == "**" && *y < 0);
    return whole ? integer_arithmetic(op, *x, *y) : float_arithmetic(op, to_double(a), to_double(b));
  }
  if (op == "+" && a.as_text() && b.as_text()) return concatenate_texts(*a.as_text(), *b.as_text(), context);
  if (op == "+" && a.as_list() && b.as_list() && a.as_list()->tuple == b.as_list()->tuple) {
    return concatenate_lists(*a.as_list(), *b.as_list(), context);
  }
  int64_t storage = 0;
  if (op == "*" && a.as_text() && b.as_integer(storage))
    return repeat(*a.as_text(), *b.as_integer(storage), context);
  if (op == "*" && b.as_text() && a.as_integer(storage))
    return repeat(*b.as_text(), *a.as_integer(storage), context);
  fail_operands(op, a, b);
}

Value negate(const Value& value) {
  int64_t storage = 0;
  if (const auto* real = value.get<double>()) return Value(Value::Data(-*real));
  if (const int64_t* integer = value.as_integer(storage)) return integer_arithmetic("-", 0, *integer);
  if (value.is_undefined()) throw Failure(value.type_name());
  throw Failure("unsupported: - " + value.type_name());
}

bool apply_comparison(const std::string& op, const Value& a, const Value& b, Context& context) {
  if (op == "==") return equal(a, b, context.budget);
  if (op == "!=") return !equal(a, b, context.budget);
  if (op == "in") return contains(b, a, context);
  if (op == "not in") return !contains(b, a, context);
  if (a.is_undefined() || b.is_undefined()) fail_operands(op, a, b);
  const int order = compare(a, b, context.budget);
  return op == "<" ? order < 0 : op == "<=" ? order <= 0 : op == ">" ? order > 0 : order >= 0;
}

Value slice(const Value& value, const Value* start, const Value* stop, const Value* step, Context& context) {
  const std::string* text = value.as_text();
  const List* list = value.as_list();
  if (!text && !list) {
    throw Failure(value.is_undefined() ? value.type_name() : "cannot slice a " + value.type_name());
  }
  std::vector<std::size_t> offsets;
  if (text) {
    context.budget.spend_bytes(text->size());
    offsets = code_point_offsets(*text);
  }
  const auto count = static_cast<int64_t>(text ? offsets.size() - 1 : list->items.size());
  const int64_t stride = step && !step->is_none() ? require_integer(*step, "the step of a slice") : 1;
  if (stride == 0) throw Failure("the step of a slice is 0");
  const bool backwards = stride < 0;
  const int64_t first = clamp_border(start, backwards ? count - 1 : 0, count, backwards);
  const int64_t last = clamp_border(stop, backwards ? -1 : count, count, backwards);

  std::string piece;
  std::vector<Value> items;
  for (int64_t i = first; backwards ? i > last : i < last;) {
    context.budget.spend(1);
    const auto at = static_cast<std::size_t>(i);
    if (text) {
      piece.append(*text, offsets[at], offsets[at + 1] - offsets[at]);
    } else {
      items.push_back(list->items[at]);
    }
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  return text ? Value::text(std::move(piece)) : Value::list(std::move(items), list->tuple);
}

}  // namespace rlhf::jinja
