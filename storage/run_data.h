#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/ledger_records.h"

namespace rlhf {

/// A data file that a run read.
struct DataFile {
  std::string path;
  std::string sha256;  ///< of its bytes as they lie on disk; empty for standard input
  bool operator==(const DataFile&) const = default;
};

/// One part of what a run read, with all that is needed to read the very same again.
struct RunData {
  std::string role = "train";  ///< "train" or "eval"
  RecordKind kind = RecordKind::kRanking;
  std::vector<DataFile> files;  ///< empty: it came from a ledger
  std::string ledger;           ///< absolute path of that ledger
  LedgerSelection
      selection;  ///< as used there, with through_tick or through_row filled in from ledger_position()
  int64_t records = 0;
  std::string sha256;  ///< contract/data_hash.h, over what was read
};

/// "rankings", "demonstrations", "prompts", and back. UserError for another name.
const char* record_kind_name(RecordKind kind);
RecordKind record_kind_named(const std::string& name);

/// Keeps it with the run; the same role and kind a second time changes nothing.
void record_run_data(Database& database, int64_t run, const RunData& data);

/// What a run read, evaluation data first by role; `ledger` of data from this very ledger is its path.
std::vector<RunData> run_data(Database& database, int64_t run);

/// Where some of the records come from.
struct DataOrigin {
  std::string annotator;       ///< handle; empty: nobody said
  std::string annotator_kind;  ///< "human", "simulated" or "model"
  std::string campaign;        ///< empty: not made here
  std::string import_path;     ///< empty: not imported
  std::string import_sha256;
  int64_t records = 0;
};

/// Data read again.
struct RebuiltData {
  int64_t records = 0;
  std::string sha256;               ///< equal to RunData::sha256 when nothing is missing or changed
  std::vector<DataOrigin> origins;  ///< most records first
};

/// Reads from the ledger what a run read from it. UserError when the ledger has no such campaign any more.
RebuiltData rebuild_run_data(Database& database, const RunData& data);

}  // namespace rlhf
