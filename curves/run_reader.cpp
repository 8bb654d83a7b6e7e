#include "curves/run_reader.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <set>

#include "contract/error.h"
#include "curves/append_file.h"
#include "curves/json_lines.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

void add_row(Run& run, const json& row) {
  const auto step = row["step"].get<int64_t>();
  for (const auto& [name, value] : row.items()) {
    double number = 0;
    if (name == "step" || !read_json_number(value, number)) continue;
    auto& series = run.metrics[name];
    series.steps.push_back(step);
    series.values.push_back(number);
  }
}

void add_sample(Run& run, const json& row) {
  RunSample sample;
  sample.step = row["step"].get<int64_t>();
  sample.prompt = row.value("prompt", "");
  sample.response = row.value("response", "");
  if (!row.contains("score") || !read_json_number(row["score"], sample.score)) {
    sample.score = std::numeric_limits<double>::quiet_NaN();
  }
  run.samples.push_back(std::move(sample));
}

ordered_json read_json(const fs::path& path) {
  auto parsed = ordered_json::parse(read_bytes(path), nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) throw UserError(path.string() + ": not a JSON object");
  return parsed;
}

ordered_json configuration_of(const fs::path& folder) {
  if (!fs::is_regular_file(folder / "run.json")) return ordered_json::object();
  const auto run = read_json(folder / "run.json");
  const auto identity = run.value("identity", ordered_json::object());
  auto configuration = ordered_json::object();
  if (identity.is_object() && identity.contains("stage")) configuration["stage"] = identity["stage"];
  if (identity.is_object() && identity.contains("configuration"))
    configuration.update(identity["configuration"]);
  return configuration;
}

ordered_json summary_of(const fs::path& folder) {
  for (const auto& place : {folder, fs::absolute(folder).lexically_normal().parent_path()}) {
    if (fs::is_regular_file(place / "summary.json")) return read_json(place / "summary.json");
  }
  return nullptr;
}

/// Python writes numbers that are none as bare words, which JSON does not know: puts them in quotes, as our
/// own files have them.
std::string with_quoted_words(const std::string& text) {
  std::string quoted;
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = std::string_view(text).substr(i);
    size_t length = 1;
    bool word = false;
    if (in_string && text[i] == '\\') {
      length = std::min<size_t>(2, rest.size());
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      for (const std::string_view number : {"NaN", "-Infinity", "Infinity"}) {
        if (word || !rest.starts_with(number)) continue;
        word = true;
        length = number.size();
      }
    }
    const std::string_view part = rest.substr(0, length);
    quoted += word ? '"' + std::string(part) + '"' : std::string(part);
    i += length;
  }
  return quoted;
}

/// The trainer_state.json of a Hugging Face output folder: its own, or that of its newest checkpoint.
std::optional<fs::path> trainer_state(const fs::path& folder) {
  std::optional<fs::path> found;
  int64_t newest = -1;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("checkpoint-") || !fs::is_regular_file(entry.path() / "trainer_state.json"))
      continue;
    const int64_t step = std::strtoll(name.c_str() + 11, nullptr, 10);
    if (step > newest) found = entry.path() / "trainer_state.json";
    newest = std::max(newest, step);
  }
  if (fs::is_regular_file(folder / "trainer_state.json")) found = folder / "trainer_state.json";
  return found;
}

bool has_metrics(const fs::path& folder) {
  return fs::is_directory(folder) && (fs::is_regular_file(folder / "metrics.jsonl") || trainer_state(folder));
}

Run read_run(const fs::path& folder) {
  Run run;
  run.folder = folder;
  if (fs::is_regular_file(folder / "metrics.jsonl")) {
    read_step_lines(folder / "metrics.jsonl", [&](std::string_view, const json& row) { add_row(run, row); });
  } else {
    const fs::path path = *trainer_state(folder);
    const json state = json::parse(with_quoted_words(read_bytes(path)), nullptr, /*allow_exceptions=*/false);
    if (!state.is_object()) throw UserError(path.string() + ": not a JSON object");
    const auto history = state.value("log_history", json::array());
    for (const auto& row : history) {
      if (row.is_object() && row.contains("step") && row["step"].is_number_integer()) add_row(run, row);
    }
  }
  if (fs::is_regular_file(folder / "samples.jsonl")) {
    read_step_lines(folder / "samples.jsonl",
                    [&](std::string_view, const json& row) { add_sample(run, row); });
  }
  run.configuration = configuration_of(folder);
  run.summary = summary_of(folder);
  return run;
}

std::vector<fs::path> run_folders(const fs::path& path) {
  if (fs::is_regular_file(path) && path.filename() == "metrics.jsonl") {
    return {path.has_parent_path() ? path.parent_path() : fs::path(".")};
  }
  if (has_metrics(path)) return {path};
  std::vector<fs::path> found;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (has_metrics(entry.path())) found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  if (found.empty()) {
    throw UserError(path.string() +
                    ": no run here: neither metrics.jsonl nor trainer_state.json, nor folders that have one");
  }
  return found;
}

/// Names each run by the last parts of its path, as many as make all names differ.
void name_runs(std::vector<Run>& runs) {
  std::vector<std::vector<std::string>> parts;
  for (const auto& run : runs) {
    auto& list = parts.emplace_back();
    for (const auto& part : fs::absolute(run.folder).lexically_normal()) list.push_back(part.string());
    if (!list.empty() && list.back().empty()) list.pop_back();
  }
  for (std::size_t depth = 1;; ++depth) {
    std::set<std::string> names;
    bool deeper = false;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      fs::path name;
      const std::size_t count = std::min(depth, parts[i].size());
      for (auto part = std::prev(parts[i].end(), static_cast<std::ptrdiff_t>(count)); part != parts[i].end();
           ++part)
        name /= *part;
      runs[i].name = name.string();
      names.insert(runs[i].name);
      deeper |= depth < parts[i].size();
    }
    if (names.size() == runs.size() || !deeper) return;
  }
}

/// The configuration as one text in which runs that differ in seeds alone are equal.
std::string without_seeds(const Run& run) {
  const std::string above = fs::absolute(run.folder).lexically_normal().parent_path().string();
  const std::string above_as_given = run.folder.lexically_normal().parent_path().string();
  ordered_json kept = ordered_json::object();
  for (const auto& [key, value] : run.configuration.items()) {
    if (key == "seed" || key.ends_with("_seed") || key == "output_dir" || key == "run_name") continue;
    std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
    for (const auto& prefix : {above, above_as_given}) {
      for (std::size_t at; !prefix.empty() && (at = text.find(prefix + "/")) != std::string::npos;)
        text.erase(at, prefix.size() + 1);
    }
    kept[key] = text;
  }
  return kept.dump();
}

}  // namespace

std::vector<Run> read_runs(const std::vector<fs::path>& paths) {
  std::vector<Run> runs;
  std::set<fs::path> seen;
  for (const auto& path : paths) {
    for (const auto& folder : run_folders(path)) {
      if (seen.insert(fs::weakly_canonical(folder)).second) runs.push_back(read_run(folder));
    }
  }
  name_runs(runs);
  return runs;
}

std::vector<double> moving_mean(const std::vector<double>& values, std::size_t window) {
  if (window <= 1) return values;
  std::vector<double> means(values.size(), std::numeric_limits<double>::quiet_NaN());
  double sum = 0;
  int64_t count = 0;
  const auto add = [&](std::size_t i, int sign) {
    if (!std::isfinite(values[i])) return;
    sum += sign * values[i];
    count += sign;
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % window == 0) {  // start afresh now and then: an outlier's rounding must not stay in the sum
      sum = 0;
      count = 0;
      for (std::size_t j = i + 1 - std::min(window, i + 1); j < i; ++j) add(j, 1);
    } else if (i >= window) {
      add(i - window, -1);
    }
    add(i, 1);
    if (std::isfinite(values[i])) means[i] = sum / static_cast<double>(count);
  }
  return means;
}

std::vector<std::size_t> seed_groups(const std::vector<Run>& runs) {
  std::map<std::string, std::size_t> numbers;
  std::vector<std::size_t> groups;
  std::size_t next = 0;
  for (const auto& run : runs) {
    if (run.configuration.empty()) {
      groups.push_back(next++);
      continue;
    }
    const auto [found, is_new] = numbers.emplace(without_seeds(run), next);
    next += is_new;
    groups.push_back(found->second);
  }
  return groups;
}

}  // namespace rlhf
