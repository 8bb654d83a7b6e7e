#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "contract/record.h"
#include "formats/column_names.h"

namespace rlhf {

struct Format;
struct RawRecord;
class RawRecords;

/// The name of the format of plain text files: the whole file is one {"text"} record.
inline constexpr const char* kTextFormat = "text";
/// What to call CSV and TSV where the name of the file does not say it, as on standard input.
inline constexpr const char* kCsvFormat = "csv";
inline constexpr const char* kTsvFormat = "tsv";

struct ReadOptions {
  std::string format;   ///< a name from formats(), or one of the above; empty: told from the file
  std::string columns;  ///< NAME=COLUMN,...: what the file calls the fields (ColumnNames)
};

/// A record, or a part of one, that cannot be used.
struct RejectedRecord {
  std::string file;
  int64_t line = 0;    ///< where the record starts
  std::string reason;  ///< names the field
  std::string text;    ///< the record as it stands in the file

  std::string message() const { return file + ":" + std::to_string(line) + ": " + reason; }
};

struct ReadSummary {
  std::string
      format;  ///< the one asked for, or that of the first record that was recognised; empty when none was
  int64_t records = 0;
  int64_t rejected = 0;
};

/// May throw BadRecord, which turns the record away.
using AcceptRecord = std::function<void(ImportRecord)>;
using RejectRecord = std::function<void(const RejectedRecord&)>;

/// The records of one file (.gz or not, "-" is standard input): JSON lines, one JSON array, CSV with named
/// columns, or plain text (.txt). When no format is named, each record may be of any format of the first
/// one's kind.
class RecordFile {
 public:
  /// Throws UserError when the file cannot be opened or is no text, when the format does not exist, when a
  /// CSV header is unusable or lacks a column that options.columns name.
  RecordFile(const std::string& path, const ReadOptions& options);
  ~RecordFile();

  /// Reads it all, once. A bad record goes to `reject`, which may throw to stop. Throws WorldError when
  /// reading fails.
  void read(const AcceptRecord& accept, const RejectRecord& reject);

  /// So far; the format is known when the first record is accepted.
  const ReadSummary& summary() const { return summary_; }

 private:
  void read_text(const AcceptRecord& accept, const RejectRecord& reject);
  void read_record(RawRecord& raw, const AcceptRecord& accept, const RejectRecord& reject);
  const Format& format_for(const nlohmann::json& value);
  void pass(ImportRecord record, const RawRecord& raw, const AcceptRecord& accept,
            const RejectRecord& reject);
  void refuse(const RawRecord& raw, const std::string& reason, const RejectRecord& reject);

  std::string path_;
  std::string name_;  ///< for messages
  ColumnNames columns_;
  const Format* format_ = nullptr;
  bool forced_ = false;
  std::unique_ptr<RawRecords> raw_records_;  ///< none for plain text
  ReadSummary summary_;
};

/// RecordFile in one call.
ReadSummary read_records(const std::string& path, const ReadOptions& options, const AcceptRecord& accept,
                         const RejectRecord& reject);

}  // namespace rlhf
