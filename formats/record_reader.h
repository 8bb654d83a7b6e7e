#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "formats/record.h"

namespace rlhf {

/// The name of the format of plain text files: the whole file is one {"text"} record.
inline constexpr const char* kTextFormat = "text";

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

using AcceptRecord = std::function<void(ImportRecord)>;
using RejectRecord = std::function<void(const RejectedRecord&)>;

/// Reads every record of a file (.gz or not, "-" is standard input): JSON lines, one JSON array, CSV with
/// named columns, or plain text (.txt). `format` is a name from formats() or kTextFormat; empty: told from
/// the records, each of which may be of any format of the first one's kind. A bad record goes to `reject`,
/// which may throw to stop. Throws UserError when the file cannot be opened or the format does not exist,
/// WorldError when reading fails.
ReadSummary read_records(const std::string& path, const std::string& format, const AcceptRecord& accept,
                         const RejectRecord& reject);

}  // namespace rlhf
