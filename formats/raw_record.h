#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace rlhf {

/// One JSON value of a data file, before anyone asks what it means.
struct RawRecord {
  int64_t line = 0;      ///< where it starts
  std::string text;      ///< as it stands in the file
  nlohmann::json value;  ///< null when there is a problem
  std::string problem;   ///< why it cannot be read; empty for a good one
};

/// The records of a file: lines of JSON, the elements of one JSON array, JSON objects over several lines
/// each, or the rows of a CSV file (objects of strings under the names of the header). Memory is bounded by
/// the largest record.
class RawRecords {
 public:
  virtual ~RawRecords() = default;
  /// False at the end. Blank lines are passed over.
  virtual bool next(RawRecord& record) = 0;
  /// The names in a CSV file's header; empty for JSON.
  virtual const std::vector<std::string>& columns() const;
};

/// Told apart by `extension` (".csv", ".tsv"), else by the first bytes. "-" is standard input. Throws
/// UserError when the file cannot be opened, is no text, or a CSV header is unusable.
std::unique_ptr<RawRecords> open_raw_records(const std::string& path, const std::string& extension);
std::unique_ptr<RawRecords> open_raw_records(const std::string& path);

/// `path` without a trailing ".gz", its extension lower-cased: ".jsonl", ".csv", ".txt", ...
std::string data_extension(const std::string& path);

}  // namespace rlhf
