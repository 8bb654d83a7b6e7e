#pragma once
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/prompt.h"

namespace rlhf {

/// A record that cannot be used. The message names the field; whoever catches it adds file and line.
class BadRecord : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Access to the fields of one record of a file. `where` names a value for messages: "field 'chosen'".

/// "text", "a list", "a number", "null", ...: the type of a value in words.
std::string type_in_words(const nlohmann::json& value);
std::string field_name(const std::string& field);

/// True when `record` has `field` and it is not null.
bool has(const nlohmann::json& record, const char* field);
bool has_text(const nlohmann::json& record, const char* field);
bool has_list(const nlohmann::json& record, const char* field);

/// These throw BadRecord when the field is missing or of another type.
const nlohmann::json& required(const nlohmann::json& record, const char* field);
const nlohmann::json& required_list(const nlohmann::json& record, const char* field);
std::string required_text(const nlohmann::json& record, const char* field);
double required_number(const nlohmann::json& record, const char* field);

std::string text_of(const nlohmann::json& value, const std::string& where);
/// A number, or text that is one (CSV cells, UltraFeedback's ratings).
double number_of(const nlohmann::json& value, const std::string& where);
/// true or false, 1 or 0, as JSON or as text in any case (spreadsheets write TRUE, data frames 1.0).
bool truth_of(const nlohmann::json& value, const std::string& where);
int integer_of(const nlohmann::json& value, const std::string& where);

/// Text, a number or a boolean as text; empty for null, a list or an object.
std::string scalar_text(const nlohmann::json& value);
/// The same of a field; empty when the field is absent, null, a list or an object: what a
/// data set says beside the texts never makes a record bad.
std::string text_or_empty(const nlohmann::json& record, const char* field);
/// The number, or nothing when the field is absent or not one.
std::optional<double> number_if_present(const nlohmann::json& record, const char* field);
/// The number, or nothing when the field is absent, null or an empty cell. Throws BadRecord for anything
/// else.
std::optional<double> optional_number(const nlohmann::json& record, const char* field);

/// A list of {role, content}. `content` may be text or OpenAI's list of {"type": "text", "text"} parts.
/// Throws BadRecord for an empty list, tool calls and pictures.
Conversation messages_of(const nlohmann::json& value, const std::string& where);

/// Text, or a list of messages. Empty text is a prompt too: what is continued from nothing.
Prompt prompt_of(const nlohmann::json& value, const std::string& where);

/// Throws BadRecord "<where> is empty" when `text` is nothing but white space.
std::string filled(std::string text, const std::string& where);

}  // namespace rlhf
