#include "curves/metrics_file.h"

#include <chrono>
#include <stdexcept>

#include "curves/json_lines.h"

namespace rlhf {
namespace {

double unix_seconds() {
  using Milliseconds = std::chrono::duration<int64_t, std::milli>;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<Milliseconds>(now).count()) / 1000.0;
}

const std::filesystem::path& created(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  return folder;
}

void drop_torn_line(AppendFile& file) {
  uint64_t whole = 0;
  read_step_lines(file.path(),
                  [&](std::string_view line, const nlohmann::json&) { whole += line.size() + 1; });
  if (whole < std::filesystem::file_size(file.path())) file.cut(whole);
}

void keep_steps_until(AppendFile& file, int64_t last_step) {
  std::string kept;
  read_step_lines(file.path(), [&](std::string_view line, const nlohmann::json& json) {
    if (json["step"].get<int64_t>() <= last_step) kept.append(line).push_back('\n');
  });
  if (kept.size() != std::filesystem::file_size(file.path())) file.replace(kept);
}

}  // namespace

MetricsFile::MetricsFile(const std::filesystem::path& run_folder)
    : metrics_(created(run_folder) / "metrics.jsonl"), samples_(run_folder / "samples.jsonl") {
  drop_torn_line(metrics_);
  drop_torn_line(samples_);
}

void MetricsFile::log(int64_t step, const Metrics& metrics) {
  std::string line = "{\"step\": " + std::to_string(step);
  for (const auto& [name, value] : metrics) {
    if (name == "step" || name == "time")
      throw std::invalid_argument("\"" + name + "\" is no name for a metric");
    line += ", " + json_string(name) + ": " + json_number(value);
  }
  metrics_.append(line + ", \"time\": " + json_number(unix_seconds()) + "}\n");
}

void MetricsFile::log_sample(int64_t step, const std::string& prompt, const std::string& response,
                             double score) {
  samples_.append("{\"step\": " + std::to_string(step) + ", \"prompt\": " + json_string(prompt) +
                  ", \"response\": " + json_string(response) + ", \"score\": " + json_number(score) + "}\n");
}

void MetricsFile::truncate_after(int64_t step) {
  keep_steps_until(metrics_, step);
  keep_steps_until(samples_, step);
}

void MetricsFile::flush() {
  metrics_.sync();
  samples_.sync();
}

}  // namespace rlhf
