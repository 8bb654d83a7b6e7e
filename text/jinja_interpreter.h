#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_builtins.h"
#include "text/jinja_syntax.h"

namespace rlhf::jinja {

using Variables = std::map<std::string, Value, std::less<>>;

/// Walks a tree once and writes what it prints. Scopes are Jinja's: a for, a block set and a generation block
/// have one of their own, an if has none. Not reusable.
class Interpreter {
 public:
  Interpreter(Variables variables, const std::tm& now);

  /// Throws Failure; line() then tells where.
  void run(const Block& block);

  const std::string& output() const { return output_; }
  /// Byte ranges of the output that generation blocks printed, in order.
  const std::vector<std::pair<std::size_t, std::size_t>>& generations() const { return generations_; }
  int line() const { return line_; }

 private:
  enum class Flow { kNext, kBreak, kContinue };

  Flow execute(const Block& block);
  Flow execute_node(const PlainText& text);
  Flow execute_node(const Print& print);
  Flow execute_node(const If& node);
  Flow execute_node(const For& node);
  Flow execute_node(const Set& node);
  Flow execute_node(const SetBlock& node);
  Flow execute_node(const Generation& node);
  Flow execute_node(const Break&) { return Flow::kBreak; }
  Flow execute_node(const Continue&) { return Flow::kContinue; }

  std::shared_ptr<const List> loop_items(const For& node);
  void bind_targets(const For& node, const Value& item);
  void assign(const Target& target, Value value);
  void print(const std::string& text);

  Value evaluate(const Expression& expression);
  Value evaluate_node(const Literal& node) { return node.value; }
  Value evaluate_node(const Name& node);
  Value evaluate_node(const Member& node);
  Value evaluate_node(const Subscript& node);
  Value evaluate_node(const Slice& node);
  Value evaluate_node(const Call& node);
  Value evaluate_node(const Filter& node);
  Value evaluate_node(const Test& node);
  Value evaluate_node(const Unary& node);
  Value evaluate_node(const Binary& node);
  Value evaluate_node(const Comparison& node);
  Value evaluate_node(const Conditional& node);
  Value evaluate_node(const Sequence& node);
  Value evaluate_node(const Mapping& node);
  Arguments evaluate_arguments(const CallArguments& arguments);
  const Value* find(const std::string& name) const;

  struct Scope;

  Context context_;
  std::vector<Variables> scopes_;
  std::string output_;
  std::vector<std::pair<std::size_t, std::size_t>> generations_;
  int line_ = 1;
  int captures_ = 0;  // block sets around it
};

}  // namespace rlhf::jinja
