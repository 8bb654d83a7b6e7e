#pragma once
#include <filesystem>
#include <string>

#include "contract/sources.h"
#include "curves/append_file.h"

namespace rlhf {

/// Writes RUN/metrics.jsonl, one object per logged step, "step" first and "time" (Unix seconds) last, and
/// RUN/samples.jsonl; docs/metrics.md has both formats. A line is in the file when log() returns, on the disk
/// when flush() returns. Opening drops the half line that a crash may have left. One thread; throws
/// WorldError when the disk fails, UserError when an existing file is not one of ours.
class MetricsFile : public MetricSink {
 public:
  /// `run_folder` is created when absent.
  explicit MetricsFile(const std::filesystem::path& run_folder);

  /// Throws std::invalid_argument for a metric named "step" or "time".
  void log(int64_t step, const Metrics& metrics) override;
  void log_sample(int64_t step, const std::string& prompt, const std::string& response,
                  double score) override;
  /// Replaces each file, in one step, by its lines of steps up to `step`; -1 empties them.
  void truncate_after(int64_t step) override;
  void flush() override;

 private:
  AppendFile metrics_;
  AppendFile samples_;
};

}  // namespace rlhf
