#include "data/stats.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace rlhf {

using nlohmann::ordered_json;

namespace {

/// Names padded to the left, numbers to the right; names of more than 40 bytes are not cut.
std::string row(const std::string& name, const std::vector<std::string>& cells) {
  std::string line = name;
  line.resize(std::max<std::size_t>(name.size(), 28), ' ');
  for (const std::string& cell : cells)
    line += std::string(cell.size() < 14 ? 14 - cell.size() : 1, ' ') + cell;
  return line + '\n';
}

std::string row(const std::string& name, const std::vector<int64_t>& numbers) {
  std::vector<std::string> cells;
  for (const int64_t number : numbers) cells.push_back(std::to_string(number));
  return row(name, cells);
}

}  // namespace

std::string statistics_json(const LedgerStatistics& statistics) {
  ordered_json splits = ordered_json::object();
  for (const auto& split : statistics.splits) {
    splits[split.name] = {{"prompts", split.prompts},
                          {"demonstrations", split.demonstrations},
                          {"rankings", split.rankings},
                          {"comparisons", split.comparisons},
                          {"ties", split.ties}};
  }
  ordered_json annotators = ordered_json::array();
  for (const auto& annotator : statistics.annotators) {
    annotators.push_back({{"handle", annotator.handle},
                          {"kind", annotator.kind},
                          {"submitted", annotator.submitted},
                          {"skipped", annotator.skipped},
                          {"not_rankable", annotator.not_rankable}});
  }
  ordered_json imports = ordered_json::array();
  for (const auto& import : statistics.imports) {
    imports.push_back({{"path", import.path},
                       {"format", import.format},
                       {"sha256", import.sha256},
                       {"imported", import.imported},
                       {"rejected", import.rejected},
                       {"complete", import.complete}});
  }
  const ordered_json all = {{"schema_version", statistics.schema_version},
                            {"splits", splits},
                            {"responses", statistics.responses},
                            {"rated_responses", statistics.rated_responses},
                            {"models", statistics.models},
                            {"annotators", annotators},
                            {"imports", imports},
                            {"campaigns", statistics.campaigns},
                            {"tasks", statistics.tasks},
                            {"runs", statistics.runs},
                            {"trajectories", statistics.trajectories}};
  return all.dump();
}

std::string statistics_table(const LedgerStatistics& statistics) {
  std::string text = row("split", {"prompts", "demonstrations", "rankings", "comparisons", "ties"});
  for (const auto& split : statistics.splits) {
    text += row(split.name, std::vector<int64_t>{split.prompts, split.demonstrations, split.rankings,
                                                 split.comparisons, split.ties});
  }
  if (!statistics.annotators.empty())
    text += '\n' + row("annotator", {"kind", "submitted", "skipped", "not rankable"});
  for (const auto& annotator : statistics.annotators) {
    text +=
        row(annotator.handle, {annotator.kind, std::to_string(annotator.submitted),
                               std::to_string(annotator.skipped), std::to_string(annotator.not_rankable)});
  }
  if (!statistics.imports.empty()) text += '\n' + row("import", {"imported", "rejected", "format"});
  for (const auto& import : statistics.imports) {
    text +=
        row(import.path, {std::to_string(import.imported), std::to_string(import.rejected), import.format});
  }
  text += '\n' + row("", {"responses", "models", "tasks", "runs", "trajectories"});
  return text + row("in all", std::vector<int64_t>{statistics.responses, statistics.models, statistics.tasks,
                                                   statistics.runs, statistics.trajectories});
}

}  // namespace rlhf
