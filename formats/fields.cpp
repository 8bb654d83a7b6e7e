#include "formats/fields.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "formats/utf8.h"

namespace rlhf {

using nlohmann::json;

std::string type_in_words(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "a list";
    case json::value_t::string:
      return "text";
    case json::value_t::boolean:
      return "true or false";
    default:
      return "a number";
  }
}

std::string field_name(const std::string& field) {
  return "field '" + field + "'";
}

bool has(const json& record, const char* field) {
  if (!record.is_object()) return false;
  const auto found = record.find(field);
  return found != record.end() && !found->is_null();
}

bool has_text(const json& record, const char* field) {
  return has(record, field) && record[field].is_string();
}
bool has_list(const json& record, const char* field) {
  return has(record, field) && record[field].is_array();
}

const json& required(const json& record, const char* field) {
  if (!record.is_object()) throw BadRecord("the record must be an object, not " + type_in_words(record));
  const auto found = record.find(field);
  if (found == record.end()) throw BadRecord(field_name(field) + " is missing");
  return *found;
}

const json& required_list(const json& record, const char* field) {
  const json& value = required(record, field);
  if (!value.is_array()) throw BadRecord(field_name(field) + " must be a list, not " + type_in_words(value));
  return value;
}

std::string required_text(const json& record, const char* field) {
  return text_of(required(record, field), field_name(field));
}

double required_number(const json& record, const char* field) {
  return number_of(required(record, field), field_name(field));
}

std::string text_of(const json& value, const std::string& where) {
  if (!value.is_string()) throw BadRecord(where + " must be text, not " + type_in_words(value));
  return value.get<std::string>();
}

double number_of(const json& value, const std::string& where) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) throw BadRecord(where + " must be a number, not " + type_in_words(value));
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    throw BadRecord(where + " must be a number, not '" + text.substr(0, 40) + "'");
  }
  return number;
}

bool truth_of(const json& value, const std::string& where) {
  if (value.is_boolean()) return value.get<bool>();
  std::string text;
  if (value.is_string()) text = value.get<std::string>();
  if (value.is_number()) text = value.dump();
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  if (text == "1" || text == "1.0" || text == "true") return true;
  if (text == "0" || text == "0.0" || text == "false") return false;
  throw BadRecord(where + " must be true or false, not " + type_in_words(value));
}

int integer_of(const json& value, const std::string& where) {
  const double number = number_of(value, where);
  if (number != std::floor(number) || std::abs(number) > std::numeric_limits<int>::max()) {
    throw BadRecord(where + " must be a whole number, not " + value.dump());
  }
  return static_cast<int>(number);
}

std::string scalar_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_structured() || value.is_null() ? std::string() : value.dump();
}

std::string text_or_empty(const json& record, const char* field) {
  if (!has(record, field)) return {};
  return scalar_text(record[field]);
}

std::optional<double> number_if_present(const json& record, const char* field) {
  try {
    return optional_number(record, field);
  } catch (const BadRecord&) {
    return {};
  }
}

std::optional<double> optional_number(const json& record, const char* field) {
  if (!has(record, field)) return {};
  const json& value = record[field];
  if (value.is_string() && is_blank(value.get_ref<const std::string&>())) return {};
  return number_of(value, field_name(field));
}

namespace {

std::string content_of(const json& message, const std::string& where) {
  const auto content = message.find("content");
  const bool missing = content == message.end() || content->is_null();
  if (missing && message.contains("tool_calls"))
    throw BadRecord(where + " is a tool call, which is not supported");
  if (missing) throw BadRecord(where + " has no content");
  if (!content->is_array()) return text_of(*content, "the content of " + where);
  std::string joined;
  for (const json& part : *content) {
    if (!has_text(part, "text"))
      throw BadRecord(where + " holds a part that is not text, which is not supported");
    joined += part["text"].get_ref<const std::string&>();
  }
  return joined;
}

}  // namespace

Conversation messages_of(const json& value, const std::string& where) {
  if (!value.is_array()) throw BadRecord(where + " must be a list of messages, not " + type_in_words(value));
  if (value.empty()) throw BadRecord(where + " is an empty list");
  Conversation messages;
  messages.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string which = "message " + std::to_string(i) + " of " + where;
    if (!value[i].is_object())
      throw BadRecord(which + " must be {role, content}, not " + type_in_words(value[i]));
    if (!has_text(value[i], "role")) throw BadRecord(which + " has no role");
    messages.push_back({value[i]["role"].get<std::string>(), content_of(value[i], which)});
  }
  return messages;
}

Prompt prompt_of(const json& value, const std::string& where) {
  if (value.is_string()) return {value.get<std::string>(), {}};
  if (value.is_array()) return {{}, messages_of(value, where)};
  throw BadRecord(where + " must be text or a list of messages, not " + type_in_words(value));
}

std::string filled(std::string text, const std::string& where) {
  if (is_blank(text)) throw BadRecord(where + " is empty");
  return text;
}

}  // namespace rlhf
