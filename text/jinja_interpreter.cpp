#include "text/jinja_interpreter.h"

#include "text/jinja_arithmetic.h"
#include "text/jinja_text.h"

namespace rlhf::jinja {
namespace {

constexpr std::size_t kMaxOutputBytes = std::size_t{64} << 20;

}  // namespace

/// Variables set while it lives go with it.
struct Interpreter::Scope {
  explicit Scope(Interpreter& interpreter) : scopes(interpreter.scopes_) { scopes.emplace_back(); }
  ~Scope() { scopes.pop_back(); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  std::vector<Variables>& scopes;
};

Interpreter::Interpreter(Variables variables, const std::tm& now) {
  context_.now = now;
  scopes_.push_back(std::move(variables));
}

void Interpreter::run(const Block& block) {
  execute(block);
}

Interpreter::Flow Interpreter::execute(const Block& block) {
  for (const Statement& statement : block) {
    context_.budget.spend(1);
    line_ = statement.line;
    const Flow flow = std::visit([this](const auto& node) { return execute_node(node); }, statement.node);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

void Interpreter::print(const std::string& text) {
  context_.budget.spend_bytes(text.size());
  if (text.size() > kMaxOutputBytes - output_.size())
    throw Failure("the rendered text is larger than 64 MiB");
  output_ += text;
}

Interpreter::Flow Interpreter::execute_node(const PlainText& text) {
  print(text.text);
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute_node(const Print& node) {
  const Value value = evaluate(*node.value);
  if (const auto* text = value.as_text()) {
    print(*text);
  } else {
    print(to_text(value, context_.budget));
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute_node(const If& node) {
  for (const auto& [condition, block] : node.branches) {
    if (evaluate(*condition).truthy()) return execute(block);
  }
  return execute(node.otherwise);
}

std::shared_ptr<const List> Interpreter::loop_items(const For& node) {
  auto items = iterate(evaluate(*node.iterable), context_);
  if (!node.condition) return items;
  List kept;
  for (const Value& item : items->items) {
    const Scope scope(*this);
    bind_targets(node, item);
    if (evaluate(*node.condition).truthy()) kept.items.push_back(item);
  }
  return std::make_shared<const List>(std::move(kept));
}

void Interpreter::bind_targets(const For& node, const Value& item) {
  Variables& scope = scopes_.back();
  if (node.targets.size() == 1) {
    scope[node.targets[0]] = item;
    return;
  }
  const auto parts = iterate(item, context_);
  if (parts->items.size() != node.targets.size()) {
    throw Failure("cannot unpack " + std::to_string(parts->items.size()) + " values into " +
                  std::to_string(node.targets.size()) + " names");
  }
  for (std::size_t i = 0; i < node.targets.size(); ++i) scope[node.targets[i]] = parts->items[i];
}

Interpreter::Flow Interpreter::execute_node(const For& node) {
  const auto items = loop_items(node);
  if (items->items.empty()) {
    const Scope scope(*this);
    return execute(node.otherwise);
  }
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    const Scope scope(*this);
    scopes_.back()["loop"] = Value(Value::Data(std::make_shared<const Loop>(Loop{items, i})));
    bind_targets(node, items->items[i]);
    if (execute(node.body) == Flow::kBreak) break;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute_node(const Set& node) {
  const Value value = evaluate(*node.value);
  if (node.targets.size() == 1) {
    assign(node.targets[0], value);
    return Flow::kNext;
  }
  const auto parts = iterate(value, context_);
  if (parts->items.size() != node.targets.size()) throw Failure("a set has as many values as names");
  for (std::size_t i = 0; i < node.targets.size(); ++i) assign(node.targets[i], parts->items[i]);
  return Flow::kNext;
}

void Interpreter::assign(const Target& target, Value value) {
  if (target.attribute.empty()) {
    scopes_.back()[target.name] = std::move(value);
    return;
  }
  const Value* variable = find(target.name);
  Namespace* space = variable ? variable->as_namespace() : nullptr;
  if (!space) throw Failure("'" + target.name + "' is not a namespace, so its attributes cannot be set");
  context_.budget.spend(space->attributes.size() / 8);
  space->assign(target.attribute, std::move(value));
}

Interpreter::Flow Interpreter::execute_node(const SetBlock& node) {
  const std::size_t begin = output_.size();
  Flow flow = Flow::kNext;
  {
    const Scope scope(*this);
    ++captures_;
    flow = execute(node.body);
    --captures_;
  }
  std::string text = output_.substr(begin);
  output_.resize(begin);
  if (flow == Flow::kNext) assign(node.target, Value::text(std::move(text)));
  return flow;
}

Interpreter::Flow Interpreter::execute_node(const Generation& node) {
  if (captures_) throw Failure("unsupported: a generation block inside a block set");
  const std::size_t begin = output_.size();
  const Scope scope(*this);
  const Flow flow = execute(node.body);
  generations_.emplace_back(begin, output_.size());
  return flow;
}

Value Interpreter::evaluate(const Expression& expression) {
  context_.budget.spend(1);
  line_ = expression.line;
  return std::visit([this](const auto& node) { return evaluate_node(node); }, expression.node);
}

const Value* Interpreter::find(const std::string& name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    const auto found = scope->find(name);
    if (found != scope->end()) return &found->second;
  }
  return nullptr;
}

Value Interpreter::evaluate_node(const Name& node) {
  if (const Value* found = find(node.name)) return *found;
  if (is_function(node.name)) {
    return Value(Value::Data(std::make_shared<const Callable>(Callable{node.name, false, Value()})));
  }
  return Value::undefined(node.name);
}

Value Interpreter::evaluate_node(const Member& node) {
  return get_member(evaluate(*node.object), node.name);
}

Value Interpreter::evaluate_node(const Subscript& node) {
  const Value object = evaluate(*node.object);
  return get_item(object, evaluate(*node.key), context_);
}

Value Interpreter::evaluate_node(const Slice& node) {
  const Value object = evaluate(*node.object);
  const auto border = [&](const ExpressionPtr& expression) {
    return expression ? evaluate(*expression) : Value::none();
  };
  const Value start = border(node.start), stop = border(node.stop), step = border(node.step);
  return slice(object, &start, &stop, &step, context_);
}

Arguments Interpreter::evaluate_arguments(const CallArguments& arguments) {
  Arguments evaluated;
  for (const auto& argument : arguments.positional) evaluated.positional.push_back(evaluate(*argument));
  for (const auto& [name, argument] : arguments.named)
    evaluated.named.emplace_back(name, evaluate(*argument));
  return evaluated;
}

Value Interpreter::evaluate_node(const Call& node) {
  const int line = line_;
  const Value callee = evaluate(*node.callee);
  const Arguments arguments = evaluate_arguments(node.arguments);
  line_ = line;
  const Callable* callable = callee.as_callable();
  if (!callable) {
    throw Failure(callee.is_undefined() ? callee.type_name() + ", so it cannot be called"
                                        : "a " + callee.type_name() + " cannot be called");
  }
  if (callable->is_method) return call_method(callable->self, callable->name, arguments, context_);
  return call_function(callable->name, arguments, context_);
}

Value Interpreter::evaluate_node(const Filter& node) {
  const int line = line_;
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  line_ = line;
  return apply_filter(node.name, input, arguments, context_);
}

Value Interpreter::evaluate_node(const Test& node) {
  const int line = line_;
  const Value input = evaluate(*node.input);
  const Arguments arguments = evaluate_arguments(node.arguments);
  line_ = line;
  return Value::boolean(apply_test(node.name, input, arguments, context_));
}

Value Interpreter::evaluate_node(const Unary& node) {
  const Value operand = evaluate(*node.operand);
  if (node.op == "not") return Value::boolean(!operand.truthy());
  const Value negative = negate(operand);
  return node.op == "-" ? negative : negate(negative);
}

Value Interpreter::evaluate_node(const Binary& node) {
  const int line = line_;
  Value left = evaluate(*node.left);
  if (node.op == "and") return left.truthy() ? evaluate(*node.right) : left;
  if (node.op == "or") return left.truthy() ? left : evaluate(*node.right);
  const Value right = evaluate(*node.right);
  line_ = line;
  return apply_binary(node.op, left, right, context_);
}

Value Interpreter::evaluate_node(const Comparison& node) {
  Value left = evaluate(*node.first);
  for (const auto& [op, expression] : node.rest) {
    Value right = evaluate(*expression);
    if (!apply_comparison(op, left, right, context_)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_node(const Conditional& node) {
  if (evaluate(*node.condition).truthy()) return evaluate(*node.then);
  return node.otherwise ? evaluate(*node.otherwise) : Value::undefined("an inline if without else");
}

Value Interpreter::evaluate_node(const Sequence& node) {
  std::vector<Value> items;
  for (const auto& item : node.items) items.push_back(evaluate(*item));
  return Value::list(std::move(items), node.tuple);
}

Value Interpreter::evaluate_node(const Mapping& node) {
  std::vector<std::pair<std::string, Value>> entries;
  for (const auto& [key_expression, value_expression] : node.entries) {
    const Value key = evaluate(*key_expression);
    if (!key.as_text()) throw Failure("unsupported: a mapping key that is a " + key.type_name());
    Value value = evaluate(*value_expression);
    const auto same = [&](const auto& entry) { return entry.first == *key.as_text(); };
    const auto found = std::find_if(entries.begin(), entries.end(), same);
    if (found == entries.end()) {
      entries.emplace_back(*key.as_text(), std::move(value));
    } else {
      found->second = std::move(value);
    }
  }
  return Value::dict(std::move(entries));
}

}  // namespace rlhf::jinja
