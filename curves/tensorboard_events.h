#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "contract/sources.h"
#include "curves/append_file.h"

namespace rlhf {

/// Writes event files that TensorBoard reads, in RUN/runs/<MonDD_HH-MM-SS_host>/ as the Hugging Face trainers
/// do, with their tags: "eval_x" becomes "eval/x", all else "train/x". Values are rounded to float32. An
/// event is in the file when log() returns, on the disk when flush() returns. One thread; throws WorldError
/// when the disk fails.
class TensorBoardEvents : public MetricSink {
 public:
  /// Goes on in the newest folder under RUN/runs that has event files, else makes one, named after the time
  /// and host. A record that a crash has torn is cut off.
  explicit TensorBoardEvents(const std::filesystem::path& run_folder);

  void log(int64_t step, const Metrics& metrics) override;
  /// Text tags samples/0, samples/1, ... for the samples of one step, in the order logged.
  void log_sample(int64_t step, const std::string& prompt, const std::string& response,
                  double score) override;
  /// A text tag, for instance "args" with the run's configuration. `markdown` is shown as Markdown.
  void log_text(int64_t step, const std::string& tag, const std::string& markdown);
  /// Rewrites the folder's events as one file without those past `step`. The file gets a new name and says
  /// that a session starts, so that a TensorBoard that is looking drops what it has read. Nothing past
  /// `step`: nothing is touched.
  void truncate_after(int64_t step) override;
  void flush() override;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  void start_file(const std::string& events);

  std::filesystem::path folder_;
  std::unique_ptr<AppendFile> file_;
  int64_t sample_step_ = -1;
  int sample_index_ = 0;
};

/// `text` as a Markdown block that shows it verbatim.
std::string verbatim_markdown(const std::string& text);

}  // namespace rlhf
