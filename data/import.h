#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace rlhf {

struct DataImportOptions {
  std::filesystem::path db;        ///< the ledger; made when the first good record is at hand
  std::vector<std::string> files;  ///< "-" is standard input
  std::string format;              ///< of all files; empty: told from each
  std::filesystem::path rejected;  ///< where rejected records go, with reasons; empty: nowhere
  bool dry_run = false;            ///< count what would happen, change nothing
  std::string tool_version;
  std::string columns = {};  ///< NAME=COLUMN,...: what the files call the fields
};

struct DataImportResult {
  std::string format;  ///< of the files; several are joined by ","
  int64_t imported = 0;
  int64_t already_present = 0;
  int64_t rejected = 0;
  std::vector<std::string> first_reasons;  ///< "file:line: reason" of the first rejected records, ten at most
  std::vector<std::string> empty_files;    ///< those without a record, good or bad

  bool any_good() const { return imported + already_present > 0; }
};

/// Reads data files into the ledger. Good records are kept whatever the others are; rejected ones are written
/// to `rejected`, which is written anew, as JSON lines {"file", "line", "reason", "record"}. Importing the
/// same records again changes nothing. Throws UserError when a file or the ledger cannot be opened or
/// `rejected` is one of them, WorldError when a disk fails.
DataImportResult import_data(const DataImportOptions& options);

}  // namespace rlhf
