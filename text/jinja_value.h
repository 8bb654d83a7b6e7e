#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace rlhf::jinja {

/// What is wrong with a template, before its place is known. Template turns it into a UserError that names
/// the line.
class Failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What one rendering may still do. A template comes from a downloaded file, so its work is bounded: every
/// evaluated node spends one unit and every kBytesPerUnit bytes of text made or looked through another, which
/// bounds memory too.
class Budget {
 public:
  static constexpr std::size_t kUnits = 4'000'000;
  static constexpr std::size_t kBytesPerUnit = 32;

  void spend(std::size_t units) {
    if (units > left_) throw Failure("the template does too much work; rendering was stopped");
    left_ -= units;
  }
  void spend_bytes(std::size_t bytes) { spend(1 + bytes / kBytesPerUnit); }

 private:
  std::size_t left_ = kUnits;
};

struct Undefined {
  std::string name;  ///< how the template called it, for messages
};
struct None {};
struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Callable;

using Text = std::shared_ptr<const std::string>;

/// Text that went through the filter `safe`. Jinja escapes what is joined to it with `+`, so nothing but
/// printing,
/// `~` and `string` is defined on it here.
struct SafeText {
  Text text;
};

/// A value of the template language: Python's, as far as templates see it. Cheap to copy; lists and mappings
/// are immutable, as in the sandbox that Hugging Face renders in. Only namespaces change.
class Value {
 public:
  using Data =
      std::variant<Undefined, None, bool, int64_t, double, Text, SafeText, std::shared_ptr<const List>,
                   std::shared_ptr<const Dict>, std::shared_ptr<Namespace>, std::shared_ptr<const Loop>,
                   std::shared_ptr<const Callable>>;

  Value() = default;  ///< undefined
  explicit Value(Data data) : data_(std::move(data)) {}

  static Value undefined(std::string name) { return Value(Data(Undefined{std::move(name)})); }
  static Value none() { return Value(Data(None{})); }
  static Value boolean(bool value) { return Value(Data(value)); }
  static Value integer(int64_t value) { return Value(Data(value)); }
  static Value text(std::string value) {
    return Value(Data(std::make_shared<const std::string>(std::move(value))));
  }
  /// Throw Failure when nested deeper than kMaxDepth, or when an item is a namespace, a loop or a callable.
  static Value list(std::vector<Value> items, bool tuple = false);
  static Value dict(std::vector<std::pair<std::string, Value>> entries);
  static Value from_json(const nlohmann::ordered_json& json, int depth = 0);

  static constexpr int kMaxDepth = 64;

  template <typename T>
  const T* get() const {
    return std::get_if<T>(&data_);
  }
  bool is_undefined() const { return get<Undefined>() != nullptr; }
  bool is_none() const { return get<None>() != nullptr; }
  const std::string* as_text() const { return get<Text>() ? get<Text>()->get() : nullptr; }
  const List* as_list() const { return pointee<const List>(); }
  const Dict* as_dict() const { return pointee<const Dict>(); }
  Namespace* as_namespace() const { return pointee<Namespace>(); }
  const Loop* as_loop() const { return pointee<const Loop>(); }
  const Callable* as_callable() const { return pointee<const Callable>(); }
  /// Integers and booleans, as in Python.
  const int64_t* as_integer(int64_t& storage) const;
  bool is_number() const { return get<bool>() || get<int64_t>() || get<double>(); }

  bool truthy() const;
  /// For messages: "string", "list", ..., or "'name' is undefined".
  std::string type_name() const;
  /// How deep lists and mappings are nested; 0 for scalars.
  int depth() const;

 private:
  template <typename T>
  T* pointee() const {
    const auto* pointer = std::get_if<std::shared_ptr<T>>(&data_);
    return pointer ? pointer->get() : nullptr;
  }

  Data data_;
};

struct List {
  std::vector<Value> items;
  bool tuple = false;
  int depth = 1;
};

struct Dict {
  std::vector<std::pair<std::string, Value>> entries;  ///< in the order they were written; keys are unique
  int depth = 1;
  const Value* find(std::string_view key) const;
};

/// What `namespace(...)` makes: the only thing a template can assign into.
struct Namespace {
  std::vector<std::pair<std::string, Value>> attributes;
  const Value* find(std::string_view name) const;
  void assign(const std::string& name, Value value);
};

/// The variable `loop` inside a for.
struct Loop {
  std::shared_ptr<const List> items;
  std::size_t index0 = 0;
};

/// A builtin function by name, or a method bound to the value it belongs to.
struct Callable {
  std::string name;
  bool is_method = false;
  Value self;
};

/// Python's `==`: numbers and booleans compare by value, containers by content.
bool equal(const Value& a, const Value& b, Budget& budget);
/// Python's ordering: negative, 0 or positive. Throws Failure for kinds that have none.
int compare(const Value& a, const Value& b, Budget& budget);
double to_double(const Value& number);

}  // namespace rlhf::jinja
