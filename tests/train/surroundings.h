#pragma once
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "contract/checkpoint.h"
#include "contract/sources.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

/// Checkpoints of a test's run, in a temporary folder.
class FolderSaver : public CheckpointSaver {
 public:
  void save(int64_t step, const std::function<void(const std::filesystem::path&)>& write_files) override {
    steps.push_back(step);
    std::filesystem::create_directory(folder_of(step));
    write_files(folder_of(step));
  }
  std::filesystem::path folder_of(int64_t step) const { return folder / std::to_string(step); }

  TemporaryFolder folder;
  std::vector<int64_t> steps;
};

using Rows = std::vector<std::pair<int64_t, Metrics>>;

/// Keeps the rows that were logged, without the ones that tell the time.
class MemoryMetrics : public MetricSink {
 public:
  void log(int64_t step, const Metrics& metrics) override {
    rows.emplace_back(step, metrics);
    std::erase_if(rows.back().second, [](const auto& metric) { return metric.first == "tokens_per_second"; });
  }
  void log_sample(int64_t, const std::string&, const std::string&, double) override {}
  void truncate_after(int64_t) override {}
  void flush() override { ++flushes; }

  Rows rows;
  int flushes = 0;
};

inline double metric(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics)
    if (key == name) return value;
  throw std::runtime_error("no metric " + name);
}

}  // namespace rlhf::test
