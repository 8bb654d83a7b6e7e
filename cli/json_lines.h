#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "contract/prompt.h"
#include "formats/output_file.h"

namespace rlhf {

/// --input FILE.jsonl ("-" for standard input) and --output FILE (standard output without it) of a command
/// that answers line by line.
struct JsonLinesFlags {
  std::string input = "-";
  std::string output;
};
void add_json_lines_flags(CLI::App& command, JsonLinesFlags& flags);

struct JsonLine {
  nlohmann::ordered_json value;
  std::string where;  ///< "file:line"

  /// The string under `key`; UserError naming the line when it is absent or not a string.
  std::string text(const std::string& key) const;
};

/// The conversation under `key`, a list of {"role", "content"}; UserError naming the line.
Conversation read_messages(const JsonLine& line, const std::string& key);

/// Every line of the input that is not blank. UserError naming the line that is not a JSON object.
std::vector<JsonLine> read_json_lines(const JsonLinesFlags& flags);

/// Writes one object a line, into an OutputFile. WorldError when the disk fails.
class JsonLinesOutput {
 public:
  explicit JsonLinesOutput(const JsonLinesFlags& flags);
  void write(const nlohmann::ordered_json& object);
  void close();

 private:
  OutputFile file_;
};

}  // namespace rlhf
