#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace rlhf {

/// Calls `visit` with the text (without newline) and the parsed object of every line of a log that we wrote
/// ourselves. What a crash leaves, a last line that is cut short or does not parse, is passed over. Anything
/// else that is not an object with an integer "step" throws UserError with file and line; so does a file that
/// cannot be read.
void read_step_lines(const std::filesystem::path& path,
                     const std::function<void(std::string_view, const nlohmann::json&)>& visit);

/// JSON has no NaN and no infinity: they are the strings "NaN", "Infinity" and "-Infinity", as in protobuf's
/// JSON mapping. Other numbers are the shortest decimals that read back to the same double.
std::string json_number(double value);
/// The inverse; false when `json` is neither a number nor one of the three strings.
bool read_json_number(const nlohmann::json& json, double& value);

/// `text` as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD.
std::string json_string(const std::string& text);

}  // namespace rlhf
