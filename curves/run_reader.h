#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlhf {

/// One metric over a run. `values` may hold NaN and infinities; steps rise.
struct MetricSeries {
  std::vector<int64_t> steps;
  std::vector<double> values;
};

struct RunSample {
  int64_t step = 0;
  std::string prompt;
  std::string response;
  double score = 0;
};

/// What a run folder tells. Everything but the metrics may be missing.
struct Run {
  std::string name;  ///< the folder's, with as much of its path as tells it from the others
  std::filesystem::path folder;
  std::map<std::string, MetricSeries> metrics;  ///< "time" included
  std::vector<RunSample> samples;
  nlohmann::ordered_json configuration;  ///< flags and values; empty object when run.json is absent
  nlohmann::ordered_json summary;  ///< summary.json beside the metrics or one folder up; null when absent
};

/// Reads runs. Each path is a run's folder, its metrics.jsonl, a folder of runs (all with metrics, by name),
/// or a Hugging Face trainer's folder (trainer_state.json, its log_history). A run that is being written can
/// be read. Throws UserError when a path has no metrics, naming what was looked for, and for broken lines.
std::vector<Run> read_runs(const std::vector<std::filesystem::path>& paths);

/// Mean of each value and the up to `window` - 1 finite ones before it; what is not finite is left out, and
/// stays NaN where it stands. window <= 1 returns the values.
std::vector<double> moving_mean(const std::vector<double>& values, std::size_t window);

/// A group number for each run, from 0: runs whose configurations differ in nothing but seeds share one.
/// Paths are compared relative to the folder above the run, so that whole pipelines of other seeds match. A
/// run without a configuration is alone.
std::vector<std::size_t> seed_groups(const std::vector<Run>& runs);

}  // namespace rlhf
