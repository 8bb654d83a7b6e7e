#include "tests/end_to_end/run_folder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <sstream>
#include <stdexcept>

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

struct Weights {
  json names;  // and shapes and places: the header of the file
  std::vector<float> values;
};

Weights weights_of(const fs::path& model) {
  const std::string bytes = read_file(model / "model.safetensors");
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  const size_t begin = sizeof header + header;
  Weights weights{json::parse(bytes.substr(sizeof header, header)), {}};
  weights.values.resize((bytes.size() - begin) / sizeof(float));
  std::memcpy(weights.values.data(), bytes.data() + begin, weights.values.size() * sizeof(float));
  return weights;
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

int64_t last_logged_step(const fs::path& run) {
  if (!fs::exists(run / "metrics.jsonl")) return -1;
  std::string text = read_file(run / "metrics.jsonl");
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  const std::vector<json> rows = parse_lines(text);
  return rows.empty() ? -1 : rows.back()["step"].get<int64_t>();
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

double largest_weight_difference(const fs::path& model, const fs::path& other) {
  const Weights a = weights_of(model), b = weights_of(other);
  if (a.names != b.names)
    throw std::runtime_error(model.string() + " and " + other.string() + " have other tensors");
  double largest = 0;
  for (size_t i = 0; i < a.values.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a.values[i]) - b.values[i]));
  return largest;
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
