#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace rlhf {

struct DataExportOptions {
  std::filesystem::path db;
  std::string format;         ///< a name from formats() that is written
  std::string split = "all";  ///< "train", "valid", "test" or "all"
  std::string campaign;       ///< labels of this annotation campaign only; empty: all
  std::string source;         ///< this data set only; empty: all
  std::string output = "-";   ///< JSON lines; .csv, .tsv and .gz by name; "-" is standard output
};

struct DataExportResult {
  int64_t records = 0;                      ///< of the ledger
  int64_t lines = 0;                        ///< written
  std::map<std::string, int64_t> left_out;  ///< records the format cannot say, by reason
};

/// Writes what the ledger holds of a format's kind. The file appears when it is whole. Throws UserError for
/// an unknown format, split or campaign, or when `output` is the ledger, WorldError when a disk fails.
DataExportResult export_data(const DataExportOptions& options);

}  // namespace rlhf
