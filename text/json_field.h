#pragma once
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/token.h"

namespace rlhf {

/// A value of a JSON document that knows where it stands, so that whoever finds it wrong can say where.
/// Every accessor throws UserError "<document>: <path> ..." on a value of the wrong type.
class JsonField {
 public:
  /// `document` names the file. Throws UserError when the bytes are not JSON.
  static nlohmann::json parse(std::string_view bytes, const std::string& document);

  JsonField(const nlohmann::json& value, std::string document, std::string path = "")
      : value_(&value), document_(std::move(document)), path_(std::move(path)) {}

  const nlohmann::json& value() const { return *value_; }
  bool is_null() const { return value_->is_null(); }
  bool has(const std::string& key) const { return value_->is_object() && value_->contains(key); }

  /// The member `key`; throws when there is none, or this is no object.
  JsonField at(const std::string& key) const;
  /// The member `key`, or a null field when there is none.
  JsonField get(const std::string& key) const;
  std::vector<JsonField> items() const;  ///< of an array
  JsonField member(const nlohmann::json& value, const std::string& label) const;

  std::string text() const;
  bool boolean() const;
  TokenId token_id() const;  ///< an integer in [0, kMaxTokenId]

  bool boolean_or(const std::string& key, bool missing) const;
  std::string text_or(const std::string& key, const std::string& missing) const;

  [[noreturn]] void fail(const std::string& what) const;

 private:
  const nlohmann::json* value_;
  std::string document_, path_;
};

/// Bounds what a hostile file can make us allocate; ten times the largest vocabulary in use.
inline constexpr TokenId kMaxTokenId = 9'999'999;

}  // namespace rlhf
