#include "formats/json_array.h"

#include "contract/error.h"
#include "formats/line_reader.h"
#include "formats/utf8.h"

namespace rlhf {

namespace {

/// Follows strings and brackets, so that a comma or bracket is known to stand between elements.
class Nesting {
 public:
  bool between_elements() const { return depth_ == 0 && !in_string_; }

  void step(char c) {
    if (in_string_) {
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = false;
      }
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if (c == '}' || c == ']') {
      --depth_;
    }
  }

 private:
  int64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

}  // namespace

void parse_json(RawRecord& record) {
  try {
    record.value = nlohmann::json::parse(record.text);
  } catch (const nlohmann::json::parse_error& error) {
    record.value = nullptr;
    const std::string what = error.what();
    const auto detail = what.find("syntax error ");
    record.problem = "not valid JSON at byte " + std::to_string(error.byte);
    if (detail != std::string::npos) record.problem += ": " + what.substr(detail);
  } catch (const nlohmann::json::exception& error) {
    record.value = nullptr;
    record.problem = std::string("not usable JSON: ") + error.what();
  }
}

JsonArray::JsonArray(std::unique_ptr<ByteReader> reader) : chars_(std::move(reader)) {}

bool JsonArray::cut_element(RawRecord& record) {
  Nesting nesting;
  bool too_long = false;
  for (int c = chars_.take(); c >= 0; c = chars_.take()) {
    const char byte = static_cast<char>(c);
    if (!inside_) {
      inside_ = byte == '[';
      continue;
    }
    if (nesting.between_elements() && (byte == ',' || byte == ']')) {
      ended_ = byte == ']';
      if (is_blank(record.text) && !too_long) {
        if (ended_) return false;
        continue;
      }
      if (too_long) record.problem = "longer than " + std::to_string(kMaxLineBytes) + " bytes";
      return true;
    }
    if (record.text.empty() && is_blank({&byte, 1})) continue;
    if (record.text.empty()) record.line = chars_.line();
    nesting.step(byte);
    too_long = too_long || record.text.size() >= kMaxLineBytes;
    if (!too_long) record.text += byte;
  }
  ended_ = true;
  if (record.text.empty()) record.line = chars_.line();
  record.problem = "the array is not closed: the file is cut short";
  return true;
}

bool JsonArray::next(RawRecord& record) {
  record = {};
  if (ended_) return false;
  try {
    if (!cut_element(record)) return false;
  } catch (const UserError& damage) {
    ended_ = true;
    record.line = chars_.line();
    record.problem = damage.what();
  }
  if (record.problem.empty()) record.problem = utf8_problem(record.text);
  if (record.problem.empty()) parse_json(record);
  return true;
}

}  // namespace rlhf
