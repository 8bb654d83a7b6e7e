#include "cli/json_lines.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "contract/error.h"
#include "formats/fields.h"
#include "formats/line_reader.h"

namespace rlhf {

void add_json_lines_flags(CLI::App& command, JsonLinesFlags& flags) {
  command.add_option("--input", flags.input, "JSONL file, .gz or not; - for standard input")
      ->capture_default_str();
  command.add_option("--output", flags.output, "JSONL file; standard output when not given");
}

std::string JsonLine::text(const std::string& key) const {
  const auto found = value.find(key);
  if (found == value.end()) throw UserError(where + ": there is no field \"" + key + "\"");
  if (!found->is_string())
    throw UserError(where + ": field \"" + key + "\" should be a string, not " + found->dump());
  return found->get<std::string>();
}

Conversation read_messages(const JsonLine& line, const std::string& key) {
  try {
    const nlohmann::json record = line.value;
    return messages_of(required(record, key.c_str()), "field '" + key + "'");
  } catch (const BadRecord& error) {
    throw UserError(line.where + ": " + error.what());
  }
}

std::vector<JsonLine> read_json_lines(const JsonLinesFlags& flags) {
  LineReader reader(flags.input);
  const std::string name = flags.input == "-" ? "standard input" : flags.input;
  std::vector<JsonLine> lines;
  for (Line line; reader.next(line);) {
    const std::string where = name + ":" + std::to_string(line.number);
    if (!line.problem.empty()) throw UserError(where + ": " + line.problem);
    if (line.text.find_first_not_of(" \t") == std::string::npos) continue;
    JsonLine parsed{nlohmann::ordered_json::parse(line.text, nullptr, /*allow_exceptions=*/false), where};
    if (!parsed.value.is_object()) throw UserError(where + ": not a JSON object: " + line.text.substr(0, 80));
    lines.push_back(std::move(parsed));
  }
  return lines;
}

JsonLinesOutput::JsonLinesOutput(const JsonLinesFlags& flags) : file_(flags.output) {}

void JsonLinesOutput::write(const nlohmann::ordered_json& object) {
  file_.stream() << object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void JsonLinesOutput::close() {
  file_.close();
}

}  // namespace rlhf
