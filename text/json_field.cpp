#include "text/json_field.h"

#include "contract/error.h"

namespace rlhf {

nlohmann::json JsonField::parse(std::string_view bytes, const std::string& document) {
  try {
    return nlohmann::json::parse(bytes);
  } catch (const nlohmann::json::exception& error) {
    throw UserError(document + ": not valid JSON: " + error.what());
  }
}

void JsonField::fail(const std::string& what) const {
  throw UserError(document_ + ": " + (path_.empty() ? "" : path_ + ": ") + what);
}

JsonField JsonField::member(const nlohmann::json& value, const std::string& label) const {
  return {value, document_, path_.empty() ? label : path_ + "." + label};
}

JsonField JsonField::at(const std::string& key) const {
  if (!value_->is_object()) fail("must be an object, is " + std::string(value_->type_name()));
  if (!value_->contains(key)) fail("lacks \"" + key + "\"");
  return member((*value_)[key], key);
}

JsonField JsonField::get(const std::string& key) const {
  static const nlohmann::json null;
  return has(key) ? member((*value_)[key], key) : member(null, key);
}

std::vector<JsonField> JsonField::items() const {
  if (!value_->is_array()) fail("must be an array, is " + std::string(value_->type_name()));
  std::vector<JsonField> fields;
  fields.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) {
    fields.push_back({(*value_)[i], document_, path_ + "[" + std::to_string(i) + "]"});
  }
  return fields;
}

std::string JsonField::text() const {
  if (!value_->is_string()) fail("must be a string, is " + std::string(value_->type_name()));
  return value_->get<std::string>();
}

bool JsonField::boolean() const {
  if (!value_->is_boolean()) fail("must be true or false, is " + std::string(value_->type_name()));
  return value_->get<bool>();
}

TokenId JsonField::token_id() const {
  const bool fits = value_->is_number_integer() && *value_ >= 0 && *value_ <= kMaxTokenId;
  if (!fits)
    fail("must be a token id from 0 to " + std::to_string(kMaxTokenId) + ", is " +
         value_->dump().substr(0, 40));
  return value_->get<TokenId>();
}

bool JsonField::boolean_or(const std::string& key, bool missing) const {
  const JsonField field = get(key);
  return field.is_null() ? missing : field.boolean();
}

std::string JsonField::text_or(const std::string& key, const std::string& missing) const {
  const JsonField field = get(key);
  return field.is_null() ? missing : field.text();
}

}  // namespace rlhf
