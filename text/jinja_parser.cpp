#include "text/jinja_parser.h"

#include <algorithm>
#include <initializer_list>

#include "text/jinja_expression_parser.h"
#include "text/jinja_lexer.h"

namespace rlhf::jinja {
namespace {

using Kind = Token::Kind;

constexpr std::size_t kMaxTemplateBytes = std::size_t{1} << 20;
constexpr int kMaxBlockDepth = 100;

class Parser {
 public:
  explicit Parser(const std::string& source) : tokens_(tokenize(source)) {}

  Block run() {
    Block block = parse_block({});
    return block;
  }

 private:
  /// Statements up to a tag named in `ends`, which is left as the current token; up to the end when there is
  /// none.
  Block parse_block(std::initializer_list<std::string_view> ends) {
    const int line = tokens_.current().line;
    if (++depth_ > kMaxBlockDepth) throw SyntaxFailure(line, "blocks are nested too deeply");
    Block block;
    while (true) {
      const Token token = tokens_.next();
      if (token.kind == Kind::kEnd) {
        if (ends.size() != 0)
          throw SyntaxFailure(line, "the block has no {% " + std::string(*(ends.end() - 1)) + " %}");
        break;
      }
      if (token.kind == Kind::kText) {
        block.push_back({token.line, PlainText{token.text}});
      } else if (token.kind == Kind::kPrintBegin) {
        block.push_back({token.line, Print{tokens_.parse_tuple()}});
        tokens_.expect(Kind::kPrintEnd, "'}}'");
      } else {
        const Token& tag = tokens_.current();
        if (std::any_of(ends.begin(), ends.end(), [&](auto end) { return tag.is_name(end); })) break;
        block.push_back(parse_statement());
      }
    }
    --depth_;
    return block;
  }

  void end_tag() { tokens_.expect(Kind::kTagEnd, "'%}'"); }

  Statement parse_statement() {
    const int line = tokens_.current().line;
    const std::string tag = tokens_.expect_name();
    if (tag == "if") return {line, parse_if()};
    if (tag == "for") return {line, parse_for()};
    if (tag == "set") return parse_set(line);
    if (tag == "generation") {
      end_tag();
      Generation generation{parse_block({"endgeneration"})};
      tokens_.next();
      end_tag();
      return {line, std::move(generation)};
    }
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) throw SyntaxFailure(line, "'" + tag + "' outside of a for");
      end_tag();
      if (tag == "break") return {line, Break{}};
      return {line, Continue{}};
    }
    static constexpr std::string_view kUnsupported[] = {"macro",      "call",  "include",   "import", "from",
                                                        "extends",    "block", "filter",    "with",   "do",
                                                        "autoescape", "trans", "pluralize", "debug"};
    if (std::find(std::begin(kUnsupported), std::end(kUnsupported), tag) != std::end(kUnsupported)) {
      throw SyntaxFailure(line, "unsupported: the Jinja tag '" + tag + "'");
    }
    throw SyntaxFailure(line, "unexpected tag '" + tag + "'");
  }

  If parse_if() {
    If node;
    ExpressionPtr condition = tokens_.parse_tuple();
    end_tag();
    node.branches.emplace_back(std::move(condition), parse_block({"elif", "else", "endif"}));
    while (tokens_.skip_name("elif")) {
      condition = tokens_.parse_tuple();
      end_tag();
      node.branches.emplace_back(std::move(condition), parse_block({"elif", "else", "endif"}));
    }
    if (tokens_.skip_name("else")) {
      end_tag();
      node.otherwise = parse_block({"endif"});
    }
    tokens_.next();
    end_tag();
    return node;
  }

  For parse_for() {
    For node;
    node.targets = parse_loop_targets();
    if (!tokens_.skip_name("in")) tokens_.fail_unexpected("'in'");
    node.iterable = tokens_.parse_iterable();
    if (tokens_.skip_name("if")) node.condition = tokens_.parse_expression();
    if (tokens_.current().is_name("recursive")) {
      throw SyntaxFailure(tokens_.current().line, "unsupported: a recursive for");
    }
    end_tag();
    ++loops_;
    node.body = parse_block({"else", "endfor"});
    --loops_;
    if (tokens_.skip_name("else")) {
      end_tag();
      node.otherwise = parse_block({"endfor"});
    }
    tokens_.next();
    end_tag();
    return node;
  }

  std::vector<std::string> parse_loop_targets() {
    const bool parenthesised = tokens_.skip_operator("(");
    std::vector<std::string> targets{parse_variable_name()};
    while (tokens_.skip_operator(",")) targets.push_back(parse_variable_name());
    if (parenthesised) tokens_.expect_operator(")");
    return targets;
  }

  std::string parse_variable_name() {
    const int line = tokens_.current().line;
    std::string name = tokens_.expect_name();
    for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name == constant) throw SyntaxFailure(line, "cannot assign to '" + name + "'");
    }
    return name;
  }

  Statement parse_set(int line) {
    std::vector<Target> targets;
    do {
      Target target{parse_variable_name(), ""};
      if (tokens_.skip_operator(".")) target.attribute = tokens_.expect_name();
      targets.push_back(std::move(target));
    } while (tokens_.skip_operator(","));
    if (tokens_.skip_operator("=")) {
      Set node{std::move(targets), tokens_.parse_tuple()};
      end_tag();
      return {line, std::move(node)};
    }
    if (tokens_.current().is_operator("|")) throw SyntaxFailure(line, "unsupported: a filter on a block set");
    if (targets.size() != 1) tokens_.fail_unexpected("'='");
    end_tag();
    SetBlock node{std::move(targets[0]), parse_block({"endset"})};
    tokens_.next();
    end_tag();
    return {line, std::move(node)};
  }

  ExpressionParser tokens_;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

Block parse(const std::string& source) {
  if (source.size() > kMaxTemplateBytes) throw SyntaxFailure(1, "the template is larger than 1 MiB");
  return Parser(source).run();
}

}  // namespace rlhf::jinja
