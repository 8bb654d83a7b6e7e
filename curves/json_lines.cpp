#include "curves/json_lines.h"

#include <charconv>
#include <cmath>
#include <limits>

#include "contract/error.h"
#include "curves/append_file.h"

namespace rlhf {

void read_step_lines(const std::filesystem::path& path,
                     const std::function<void(std::string_view, const nlohmann::json&)>& visit) {
  const std::string bytes = read_bytes(path);
  std::string_view rest = bytes;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return;  // a torn line
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || !json.contains("step") || !json["step"].is_number_integer()) {
      if (rest.empty()) return;  // a file system may keep the newline and lose the bytes before it
      throw UserError(path.string() + ":" + std::to_string(number) +
                      ": not a JSON object with an integer \"step\": " + std::string(line.substr(0, 80)));
    }
    visit(line, json);
  }
}

std::string json_number(double value) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  if (value == 0.0 && std::signbit(value))
    return "-0.0";  // "-0" would be read as an integer, which has no sign
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  return {digits, end};
}

bool read_json_number(const nlohmann::json& json, double& value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json.is_number()) {
    value = json.get<double>();
  } else if (json == "NaN") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (json == "Infinity" || json == "-Infinity") {
    value = json == "Infinity" ? kInfinity : -kInfinity;
  } else {
    return false;
  }
  return true;
}

std::string json_string(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace rlhf
