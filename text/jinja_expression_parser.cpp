#include "text/jinja_expression_parser.h"

#include <algorithm>

namespace rlhf::jinja {

using Kind = Token::Kind;

/// Counts one level of an expression for as long as it lives; the outermost starts the count of nodes anew.
struct ExpressionParser::Nested {
  explicit Nested(ExpressionParser& parser) : owner(parser) {
    if (owner.nesting_++ == 0) owner.nodes_ = 0;
    if (owner.nesting_ > 100)
      throw SyntaxFailure(owner.current().line, "the expression is nested too deeply");
  }
  ~Nested() { --owner.nesting_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  ExpressionParser& owner;
};

template <typename Node>
ExpressionPtr ExpressionParser::make(int line, Node node) {
  if (++nodes_ > kMaxNodes) throw SyntaxFailure(line, "the expression is too long");
  auto expression = std::make_unique<Expression>();
  expression->line = line;
  expression->node = std::move(node);
  return expression;
}

Token ExpressionParser::next() {
  Token token = tokens_[position_];
  if (position_ + 1 < tokens_.size()) ++position_;
  return token;
}

bool ExpressionParser::skip_operator(std::string_view op) {
  if (!current().is_operator(op)) return false;
  next();
  return true;
}

bool ExpressionParser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

void ExpressionParser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) fail_unexpected(("'" + std::string(op) + "'").c_str());
}

std::string ExpressionParser::expect_name() {
  if (current().kind != Kind::kName) fail_unexpected("a name");
  return next().text;
}

void ExpressionParser::expect(Kind kind, const char* what) {
  if (current().kind != kind) fail_unexpected(what);
  next();
}

void ExpressionParser::fail_unexpected(const char* wanted) const {
  throw SyntaxFailure(current().line, "expected " + std::string(wanted) + ", found " + current().describe());
}

ExpressionPtr ExpressionParser::parse_tuple() {
  return parse_items(true, false);
}
ExpressionPtr ExpressionParser::parse_iterable() {
  return parse_items(false, false);
}

bool ExpressionParser::at_tuple_end() const {
  const Token& token = current();
  return token.kind == Kind::kPrintEnd || token.kind == Kind::kTagEnd || token.is_operator(")") ||
         token.is_name("recursive");
}

ExpressionPtr ExpressionParser::parse_items(bool with_conditional, bool in_parentheses) {
  const Nested nested(*this);
  const int line = current().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (!at_tuple_end()) {
    items.push_back(with_conditional ? parse_expression() : parse_or());
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (!is_tuple && items.size() == 1) return std::move(items[0]);
  if (!is_tuple && !in_parentheses) fail_unexpected("an expression");
  return make(line, Sequence{std::move(items), true});
}

ExpressionPtr ExpressionParser::parse_expression() {
  const Nested nested(*this);
  const int line = current().line;
  ExpressionPtr value = parse_or();
  while (skip_name("if")) {
    ExpressionPtr condition = parse_or();
    ExpressionPtr otherwise = skip_name("else") ? parse_expression() : nullptr;
    value = make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)});
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr left = parse_and();
  while (current().is_name("or")) {
    const int line = next().line;
    ExpressionPtr right = parse_and();
    left = make(line, Binary{"or", std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr left = parse_not();
  while (current().is_name("and")) {
    const int line = next().line;
    ExpressionPtr right = parse_not();
    left = make(line, Binary{"and", std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!current().is_name("not")) return parse_comparison();
  const Nested nested(*this);
  const int line = next().line;
  return make(line, Unary{"not", parse_not()});
}

std::string ExpressionParser::skip_comparison_operator() {
  for (const char* op : {"==", "!=", "<", "<=", ">", ">="}) {
    if (skip_operator(op)) return op;
  }
  if (skip_name("in")) return "in";
  if (current().is_name("not") && peek().is_name("in")) {
    next();
    next();
    return "not in";
  }
  return "";
}

ExpressionPtr ExpressionParser::parse_comparison() {
  const int line = current().line;
  ExpressionPtr first = parse_sum();
  std::vector<std::pair<std::string, ExpressionPtr>> rest;
  for (std::string op = skip_comparison_operator(); !op.empty(); op = skip_comparison_operator()) {
    ExpressionPtr right = parse_sum();
    rest.emplace_back(std::move(op), std::move(right));
  }
  if (rest.empty()) return first;
  return make(line, Comparison{std::move(first), std::move(rest)});
}

ExpressionPtr ExpressionParser::parse_sum() {
  ExpressionPtr left = parse_concatenation();
  while (current().is_operator("+") || current().is_operator("-")) {
    const Token op = next();
    ExpressionPtr right = parse_concatenation();
    left = make(op.line, Binary{op.text, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  ExpressionPtr left = parse_product();
  while (current().is_operator("~")) {
    const Token op = next();
    ExpressionPtr right = parse_product();
    left = make(op.line, Binary{op.text, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_product() {
  ExpressionPtr left = parse_power();
  while (current().is_operator("*") || current().is_operator("/") || current().is_operator("//") ||
         current().is_operator("%")) {
    const Token op = next();
    ExpressionPtr right = parse_power();
    left = make(op.line, Binary{op.text, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_power() {
  ExpressionPtr left = parse_unary(true);
  while (current().is_operator("**")) {
    const Token op = next();
    ExpressionPtr right = parse_unary(true);
    left = make(op.line, Binary{op.text, std::move(left), std::move(right)});
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  ExpressionPtr value;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Nested nested(*this);
    const Token op = next();
    value = make(op.line, Unary{op.text, parse_unary(false)});
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filters ? parse_filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token& token = current();
  if (token.kind == Kind::kName) return parse_name();
  if (token.is_operator("[")) return parse_list();
  if (token.is_operator("{")) return parse_mapping();
  if (token.is_operator("(")) {
    next();
    ExpressionPtr value = parse_items(true, true);
    expect_operator(")");
    return value;
  }
  const int line = token.line;
  if (token.kind == Kind::kInteger) return make(line, Literal{Value::integer(next().integer)});
  if (token.kind == Kind::kFloat) return make(line, Literal{Value(Value::Data(next().real))});
  if (token.kind != Kind::kString) fail_unexpected("an expression");
  std::string text;
  while (current().kind == Kind::kString) text += next().text;
  return make(line, Literal{Value::text(std::move(text))});
}

ExpressionPtr ExpressionParser::parse_name() {
  const Token token = next();
  const std::string& name = token.text;
  if (name == "true" || name == "True") return make(token.line, Literal{Value::boolean(true)});
  if (name == "false" || name == "False") return make(token.line, Literal{Value::boolean(false)});
  if (name == "none" || name == "None") return make(token.line, Literal{Value::none()});
  return make(token.line, Name{name});
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = next().line;
  std::vector<ExpressionPtr> items;
  while (!current().is_operator("]")) {
    items.push_back(parse_expression());
    if (!skip_operator(",")) break;
  }
  expect_operator("]");
  return make(line, Sequence{std::move(items), false});
}

ExpressionPtr ExpressionParser::parse_mapping() {
  const int line = next().line;
  Mapping mapping;
  while (!current().is_operator("}")) {
    ExpressionPtr key = parse_expression();
    expect_operator(":");
    ExpressionPtr value = parse_expression();
    mapping.entries.emplace_back(std::move(key), std::move(value));
    if (!skip_operator(",")) break;
  }
  expect_operator("}");
  return make(line, std::move(mapping));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr object) {
  while (true) {
    if (current().is_operator(".")) {
      object = parse_member(std::move(object));
    } else if (current().is_operator("[")) {
      object = parse_subscript(std::move(object));
    } else if (current().is_operator("(")) {
      const int line = current().line;
      CallArguments arguments = parse_arguments();
      object = make(line, Call{std::move(object), std::move(arguments)});
    } else {
      return object;
    }
  }
}

ExpressionPtr ExpressionParser::parse_member(ExpressionPtr object) {
  const int line = next().line;
  if (current().kind == Kind::kInteger) {
    ExpressionPtr key = make(line, Literal{Value::integer(next().integer)});
    return make(line, Subscript{std::move(object), std::move(key)});
  }
  return make(line, Member{std::move(object), expect_name()});
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr object) {
  const int line = next().line;
  const auto at_border = [&] { return current().is_operator(":") || current().is_operator("]"); };
  ExpressionPtr start = at_border() ? nullptr : parse_expression();
  if (start && skip_operator("]")) return make(line, Subscript{std::move(object), std::move(start)});
  expect_operator(":");
  ExpressionPtr stop = at_border() ? nullptr : parse_expression();
  ExpressionPtr step = skip_operator(":") && !at_border() ? parse_expression() : nullptr;
  expect_operator("]");
  return make(line, Slice{std::move(object), std::move(start), std::move(stop), std::move(step)});
}

ExpressionPtr ExpressionParser::parse_filters_and_tests(ExpressionPtr input) {
  while (true) {
    if (current().is_operator("|")) {
      input = parse_filter(std::move(input));
    } else if (current().is_name("is")) {
      input = parse_test(std::move(input));
    } else if (current().is_operator("(")) {
      input = parse_postfix(std::move(input));
    } else {
      return input;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr input) {
  const int line = next().line;
  std::string name = expect_name();
  CallArguments arguments;
  if (current().is_operator("(")) arguments = parse_arguments();
  return make(line, Filter{std::move(input), std::move(name), std::move(arguments)});
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr input) {
  const int line = next().line;
  const bool negated = skip_name("not");
  std::string name = expect_name();
  CallArguments arguments;
  const Token& token = current();
  const bool ends = token.is_name("else") || token.is_name("or") || token.is_name("and");
  if (token.is_operator("(")) {
    arguments = parse_arguments();
  } else if (token.is_name("is")) {
    throw SyntaxFailure(line, "tests with 'is' cannot be chained");
  } else if (!ends &&
             (token.kind == Kind::kName || token.kind == Kind::kString || token.kind == Kind::kInteger ||
              token.kind == Kind::kFloat || token.is_operator("[") || token.is_operator("{"))) {
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  ExpressionPtr test = make(line, Test{std::move(input), std::move(name), std::move(arguments)});
  return negated ? make(line, Unary{"not", std::move(test)}) : std::move(test);
}

CallArguments ExpressionParser::parse_arguments() {
  const int line = next().line;
  CallArguments arguments;
  while (!current().is_operator(")")) {
    if (current().is_operator("*") || current().is_operator("**")) {
      throw SyntaxFailure(line, "unsupported: '*' before the argument of a call");
    }
    if (current().kind == Kind::kName && peek().is_operator("=")) {
      std::string name = next().text;
      next();
      ExpressionPtr value = parse_expression();
      arguments.named.emplace_back(std::move(name), std::move(value));
    } else {
      if (!arguments.named.empty()) throw SyntaxFailure(line, "a positional argument follows a named one");
      arguments.positional.push_back(parse_expression());
    }
    if (!skip_operator(",")) break;
  }
  expect_operator(")");
  return arguments;
}

}  // namespace rlhf::jinja
