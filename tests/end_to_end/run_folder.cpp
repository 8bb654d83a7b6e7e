#include "tests/end_to_end/run_folder.h"

#include <algorithm>
#include <sstream>

#include "contract/sha256.h"
#include "curves/event_record.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

bool tells_time(const std::string& metric) {
  return metric == "time" || metric.starts_with("timing/") || metric.ends_with("_per_second");
}

}  // namespace

std::vector<json> parse_lines(const std::string& text) {
  std::vector<json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(json::parse(line));
  return lines;
}

std::vector<json> metric_rows(const fs::path& run) {
  return parse_lines(read_file(run / "metrics.jsonl"));
}

std::vector<json> timeless_metric_rows(const fs::path& run) {
  std::vector<json> rows = metric_rows(run);
  for (json& row : rows) {
    std::vector<std::string> names;
    for (const auto& [name, value] : row.items())
      if (tells_time(name)) names.push_back(name);
    for (const std::string& name : names) row.erase(name);
  }
  return rows;
}

std::vector<int64_t> tensorboard_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run / "runs")) {
    if (!entry.is_regular_file()) continue;
    const std::string bytes = read_file(entry.path());
    RecordReader reader(bytes);
    for (std::string_view record, event; reader.next(record, event);)
      if (const EventHead head = read_event_head(event); !head.is_version && !head.is_session_start)
        steps.push_back(head.step);
  }
  return steps;
}

std::string final_weights(const fs::path& run) {
  return sha256_file(run / "final" / "model.safetensors");
}

std::vector<int64_t> checkpoint_steps(const fs::path& run) {
  std::vector<int64_t> steps;
  if (!fs::exists(run)) return steps;
  for (const fs::directory_entry& entry : fs::directory_iterator(run))
    if (const std::string name = entry.path().filename(); name.starts_with("checkpoint-"))
      steps.push_back(std::stoll(name.substr(11)));
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto changed = entry.last_write_time().time_since_epoch().count();
    files[fs::relative(entry.path(), folder)] = sha256_file(entry.path()) + " " + std::to_string(changed);
  }
  return files;
}

}  // namespace rlhf::test
