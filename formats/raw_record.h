#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace rlhf {

/// One JSON value of a data file, before anyone asks what it means.
struct RawRecord {
  int64_t line = 0;      ///< where it starts
  std::string text;      ///< as it stands in the file
  nlohmann::json value;  ///< null when there is a problem
  std::string problem;   ///< why it cannot be read; empty for a good one
};

/// The records of a file: lines of JSON, the elements of one JSON array, or the rows of a CSV file (objects
/// of strings under the names of the header). Memory is bounded by the largest record.
class RawRecords {
 public:
  virtual ~RawRecords() = default;
  /// False at the end. Blank lines are passed over.
  virtual bool next(RawRecord& record) = 0;
};

/// Told apart by name (.csv, .tsv, with or without .gz), else by the first byte. "-" is standard input.
/// Throws UserError when the file cannot be opened, or a CSV header is unusable.
std::unique_ptr<RawRecords> open_raw_records(const std::string& path);

/// `path` without a trailing ".gz", its extension lower-cased: ".jsonl", ".csv", ".txt", ...
std::string data_extension(const std::string& path);

}  // namespace rlhf
