#include "formats/json_elements.h"

#include <algorithm>

#include "contract/error.h"
#include "formats/line_reader.h"
#include "formats/utf8.h"

namespace rlhf {

namespace {

/// Follows strings and brackets, so that a comma or bracket is known to stand between elements.
class Nesting {
 public:
  bool between_elements() const { return depth_ <= 0 && !in_string_; }
  int64_t depth() const { return depth_; }

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

/// Of `bracket` in `text`, counted no further than `most`.
int64_t count_up_to(int64_t most, const std::string& text, char bracket) {
  int64_t count = 0;
  for (auto at = text.find(bracket); at != std::string::npos && count < most; at = text.find(bracket, at + 1))
    ++count;
  return count;
}

/// Looks closer only at texts with many brackets, which are rare.
bool is_too_deep(const std::string& text) {
  constexpr int64_t kMany = kMaxJsonDepth + 1;
  if (count_up_to(kMany, text, '[') + count_up_to(kMany, text, '{') < kMany) return false;
  Nesting nesting;
  return std::any_of(text.begin(), text.end(), [&](char c) {
    nesting.step(c);
    return nesting.depth() > kMaxJsonDepth;
  });
}

}  // namespace

void parse_json(RawRecord& record) {
  if (is_too_deep(record.text)) {
    record.problem = "nested deeper than " + std::to_string(kMaxJsonDepth) + " brackets";
    return;
  }
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

JsonElements::JsonElements(std::unique_ptr<ByteReader> reader, Layout layout)
    : chars_(std::move(reader)), layout_(layout) {}

bool JsonElements::cut_element(RawRecord& record) {
  const bool in_array = layout_ == Layout::kArray;
  Nesting nesting;
  bool too_long = false;
  const auto finish = [&] {
    if (too_long) record.problem = "longer than " + std::to_string(kMaxLineBytes) + " bytes";
    return true;
  };
  for (int c = chars_.take(); c >= 0; c = chars_.take()) {
    const char byte = static_cast<char>(c);
    if (in_array && !inside_) {
      inside_ = byte == '[';
      continue;
    }
    if (in_array && nesting.between_elements() && (byte == ',' || byte == ']')) {
      closed_ = byte == ']';
      if (!record.text.empty()) return finish();
      if (closed_) return cut_rest(record);
      continue;
    }
    if (record.text.empty() && is_blank({&byte, 1})) continue;
    if (record.text.empty()) record.line = chars_.line();
    nesting.step(byte);
    too_long = too_long || record.text.size() >= kMaxLineBytes;
    if (!too_long) record.text += byte;
    if (!in_array && nesting.between_elements() && (byte == '}' || byte == ']')) return finish();
  }
  ended_ = true;
  if (!in_array && record.text.empty()) return false;
  if (record.text.empty()) record.line = chars_.line();
  record.problem = in_array ? "the array is not closed: the file is cut short"
                            : "the object is not closed: the file is cut short";
  return true;
}

/// What follows the array, if anything does, is one bad record.
bool JsonElements::cut_rest(RawRecord& record) {
  ended_ = true;
  for (int c = chars_.take(); c >= 0; c = chars_.take()) {
    const char byte = static_cast<char>(c);
    if (record.text.empty() && is_blank({&byte, 1})) continue;
    if (record.text.empty()) record.line = chars_.line();
    if (record.text.size() < kMaxLineBytes) record.text += byte;
  }
  if (record.text.empty()) return false;
  record.problem = "stands behind the end of the array; a file is one array, or one record a line";
  return true;
}

bool JsonElements::next(RawRecord& record) {
  record = {};
  if (ended_) return false;
  try {
    if (!(closed_ ? cut_rest(record) : cut_element(record))) return false;
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
