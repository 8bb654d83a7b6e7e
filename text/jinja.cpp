#include "text/jinja.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_lexer.h"
#include "text/jinja_parser.h"

namespace rlhf {
namespace {

bool has_generation(const jinja::Block& block) {
  return std::any_of(block.begin(), block.end(), [](const jinja::Statement& statement) {
    if (std::holds_alternative<jinja::Generation>(statement.node)) return true;
    if (const auto* loop = std::get_if<jinja::For>(&statement.node)) {
      return has_generation(loop->body) || has_generation(loop->otherwise);
    }
    if (const auto* set = std::get_if<jinja::SetBlock>(&statement.node)) return has_generation(set->body);
    const auto* node = std::get_if<jinja::If>(&statement.node);
    return node && (has_generation(node->otherwise) ||
                    std::any_of(node->branches.begin(), node->branches.end(),
                                [](const auto& branch) { return has_generation(branch.second); }));
  });
}

}  // namespace

struct JinjaTemplate::Compiled {
  std::string origin;
  jinja::Block block;
  bool marks_generations = false;
};

JinjaTemplate::JinjaTemplate(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
JinjaTemplate::JinjaTemplate(JinjaTemplate&&) noexcept = default;
JinjaTemplate& JinjaTemplate::operator=(JinjaTemplate&&) noexcept = default;
JinjaTemplate::~JinjaTemplate() = default;

bool JinjaTemplate::marks_generations() const {
  return compiled_->marks_generations;
}

JinjaTemplate JinjaTemplate::compile(const std::string& source, std::string origin) {
  auto compiled = std::make_unique<Compiled>();
  compiled->origin = std::move(origin);
  try {
    compiled->block = jinja::parse(source);
  } catch (const jinja::SyntaxFailure& failure) {
    throw UserError(compiled->origin + ", line " + std::to_string(failure.line()) + ": " + failure.what());
  } catch (const jinja::Failure& failure) {
    throw UserError(compiled->origin + ": " + failure.what());
  }
  compiled->marks_generations = has_generation(compiled->block);
  return JinjaTemplate(std::move(compiled));
}

JinjaOutput JinjaTemplate::render(const nlohmann::ordered_json& variables, const std::tm& now) const {
  jinja::Variables globals;
  try {
    for (const auto& [name, value] : variables.items()) globals[name] = jinja::Value::from_json(value);
  } catch (const jinja::Failure& failure) {
    throw UserError(compiled_->origin + ": a variable cannot be used: " + failure.what());
  }
  jinja::Interpreter interpreter(std::move(globals), now);
  try {
    interpreter.run(compiled_->block);
  } catch (const jinja::Failure& failure) {
    throw UserError(compiled_->origin + ", line " + std::to_string(interpreter.line()) + ": " +
                    failure.what());
  }
  return {interpreter.output(), interpreter.generations()};
}

}  // namespace rlhf
