#pragma once
#include <string>

#include "text/jinja_builtins.h"

namespace rlhf::jinja {

/// a op b for + - * / // % ** and ~, as Python computes it on these kinds; integers that leave 64 bits are a
/// Failure.
Value apply_binary(const std::string& op, const Value& a, const Value& b, Context& context);
Value negate(const Value& value);
/// a op b for == != < <= > >= in and "not in".
bool apply_comparison(const std::string& op, const Value& a, const Value& b, Context& context);
/// value[start:stop:step] of a string or a list; nullptr means left out.
Value slice(const Value& value, const Value* start, const Value* stop, const Value* step, Context& context);

}  // namespace rlhf::jinja
