#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja_lexer.h"
#include "text/jinja_syntax.h"

namespace rlhf::jinja {

/// Recursive descent over the tokens of expressions, with Jinja's precedence: conditional, or, and, not,
/// comparisons,
/// + -, ~, * / // %, **, unary, then postfixes, filters and tests. The statement parser moves the same
/// cursor.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  /// Any expression; commas make a tuple.
  ExpressionPtr parse_tuple();
  /// What a for runs over: a tuple whose parts have no inline-if, since `if` begins the loop's filter.
  ExpressionPtr parse_iterable();
  ExpressionPtr parse_expression();

  const Token& current() const { return tokens_[position_]; }
  Token next();
  bool skip_operator(std::string_view op);
  bool skip_name(std::string_view name);
  void expect_operator(std::string_view op);
  std::string expect_name();
  void expect(Token::Kind kind, const char* what);
  [[noreturn]] void fail_unexpected(const char* wanted) const;

 private:
  const Token& peek() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  template <typename Node>
  ExpressionPtr make(int line, Node node);

  ExpressionPtr parse_items(bool with_conditional, bool in_parentheses);
  bool at_tuple_end() const;
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_comparison();
  std::string skip_comparison_operator();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_list();
  ExpressionPtr parse_mapping();
  ExpressionPtr parse_postfix(ExpressionPtr object);
  ExpressionPtr parse_member(ExpressionPtr object);
  ExpressionPtr parse_subscript(ExpressionPtr object);
  ExpressionPtr parse_filters_and_tests(ExpressionPtr input);
  ExpressionPtr parse_filter(ExpressionPtr input);
  ExpressionPtr parse_test(ExpressionPtr input);
  CallArguments parse_arguments();

  /// Nodes and brackets of one expression: bounds the depth of the tree and of the recursion.
  static constexpr int kMaxNodes = 1000;
  int nodes_ = 0;
  int nesting_ = 0;
  struct Nested;

  std::vector<Token> tokens_;
  std::size_t position_ = 0;
};

}  // namespace rlhf::jinja
