#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "contract/record.h"
#include "contract/sources.h"

namespace rlhf {

/// Data files of a trainer (--dataset FILE...).
struct DatasetFileOptions {
  std::vector<std::string> files;  ///< any format of formats/, .gz or not, "-" for standard input
  std::string format;              ///< a name from formats(), "text", or empty: told from each file
  bool skip_bad_lines = false;  ///< leave bad records out and count them; else the first one ends the command
  std::string columns = {};     ///< NAME=COLUMN,...: what the files call the fields
};

/// What reading came to; complete once the source has been read.
struct DatasetReport {
  int64_t records = 0;
  int64_t skipped = 0;               ///< bad records left out
  std::vector<std::string> reasons;  ///< of the first ten of them, "file:line: reason"
};

// Sources over files. Reading throws UserError naming file:line at the first bad record, unless
// skip_bad_lines; also when a file cannot be opened, or when no record is left at all. A good record of a
// kind that the source cannot use counts as bad. Records keep the order of files and lines.

/// Prompts of prompt-only records, demonstrations with a prompt, and rankings. The prompt of a conversation
/// is what stands before its last run of assistant turns.
class PromptFiles : public PromptSource {
 public:
  explicit PromptFiles(DatasetFileOptions options) : options_(std::move(options)) {}
  std::vector<Prompt> prompts() override;
  const DatasetReport& report() const { return report_; }

 private:
  DatasetFileOptions options_;
  DatasetReport report_;
};

/// {"text"}, {"prompt", "completion"}, {"messages"} and kin; text files are one demonstration each. A
/// conversation needs a turn of the assistant.
class DemonstrationFiles : public DemonstrationSource {
 public:
  explicit DemonstrationFiles(DatasetFileOptions options) : options_(std::move(options)) {}
  std::vector<Demonstration> demonstrations() override;
  const DatasetReport& report() const { return report_; }

 private:
  DatasetFileOptions options_;
  DatasetReport report_;
};

/// Pairs and rankings of every format that has them.
class PreferenceFiles : public PreferenceSource {
 public:
  explicit PreferenceFiles(DatasetFileOptions options) : options_(std::move(options)) {}
  std::vector<Ranking> rankings() override;
  /// The same rankings with what the data set says about each. One that names no source is of its file.
  std::vector<ImportRecord> records();
  const DatasetReport& report() const { return report_; }

 private:
  void read(const std::function<void(ImportRecord)>& take);

  DatasetFileOptions options_;
  DatasetReport report_;
};

}  // namespace rlhf
