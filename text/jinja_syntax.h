#pragma once
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "text/jinja_value.h"

namespace rlhf::jinja {

// The tree of a template. One struct for each construct; the parser makes them, the interpreter walks them.

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct Member {  ///< a.b
  ExpressionPtr object;
  std::string name;
};
struct Subscript {  ///< a[b]
  ExpressionPtr object, key;
};
struct Slice {  ///< a[start:stop:step], each may be absent
  ExpressionPtr object, start, stop, step;
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct Filter {  ///< input | name(arguments)
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};
struct Test {  ///< input is name(arguments)
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};
struct Unary {  ///< "-", "+" or "not"
  std::string op;
  ExpressionPtr operand;
};
struct Binary {  ///< arithmetic, "~", "and", "or"
  std::string op;
  ExpressionPtr left, right;
};
struct Comparison {  ///< a < b <= c; also "in" and "not in"
  ExpressionPtr first;
  std::vector<std::pair<std::string, ExpressionPtr>> rest;
};
struct Conditional {  ///< a if condition else b; b may be absent
  ExpressionPtr condition, then, otherwise;
};
struct Sequence {  ///< [a, b] or (a, b)
  std::vector<ExpressionPtr> items;
  bool tuple = false;
};
struct Mapping {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};

struct Expression {
  int line = 1;
  std::variant<Literal, Name, Member, Subscript, Slice, Call, Filter, Test, Unary, Binary, Comparison,
               Conditional, Sequence, Mapping>
      node;
};

struct Statement;
using Block = std::vector<Statement>;

struct PlainText {
  std::string text;
};
struct Print {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Block>> branches;
  Block otherwise;
};
struct For {
  std::vector<std::string> targets;   ///< more than one unpacks each item
  ExpressionPtr iterable, condition;  ///< condition may be absent
  Block body, otherwise;
};
struct Target {
  std::string name;
  std::string attribute;  ///< of a namespace; empty for a variable
};
struct Set {
  std::vector<Target> targets;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  Block body;
};
struct Generation {  ///< Hugging Face's mark around what the assistant says
  Block body;
};
struct Break {};
struct Continue {};

struct Statement {
  int line = 1;
  std::variant<PlainText, Print, If, For, Set, SetBlock, Generation, Break, Continue> node;
};

}  // namespace rlhf::jinja
