#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "contract/record.h"
#include "storage/database.h"

namespace rlhf {

/// The file that records come from. Kept in the ledger, once per content and format.
struct ImportSource {
  std::string path;    ///< as the user gave it; "-" is standard input
  std::string sha256;  ///< of the file's bytes as they lie on disk; empty for standard input
  std::string format;
  std::string tool_version;  ///< of this program
  bool dry_run = false;      ///< count what would happen, write nothing
};

struct ImportCounts {
  int64_t imported = 0;         ///< records that were new
  int64_t already_present = 0;  ///< records whose every part the ledger had, or that the file repeats
  int64_t rejected = 0;         ///< those of count_rejected() and those add() threw for
};

/// Writes the records of one file into the ledger:
///
///   LedgerImport import(database, {path, sha256_file(path), "trl-preference", version});
///   for (ImportRecord& record : records) try { import.add(std::move(record)); } catch (const UserError& why)
///   { ... } const ImportCounts counts = import.finish();
///
/// A record is identified by its content (prompt, responses with their models, ranks, margin, annotator,
/// source id; for a demonstration its texts), so importing it again, from this or another file, changes
/// nothing. Records are written in batches, one transaction each, so that other writers need never wait long
/// and a kill loses no batch that was committed; importing the file again completes it. Nothing is written
/// before the first batch. Batches are written by a thread of the import's own: between the first add() and
/// finish() nobody else may use the Database. What fails there is thrown by a later add() or by finish(), as
/// WorldError.
class LedgerImport {
 public:
  LedgerImport(Database& database, ImportSource source);
  ~LedgerImport();  ///< without finish() records that are not written yet are dropped
  LedgerImport(LedgerImport&&) noexcept;

  /// Takes one record. Throws UserError with the reason, and counts it as rejected, when the ledger cannot
  /// hold it: not UTF-8, an empty response, fewer than two responses, two equal responses of one origin,
  /// ranks that are not dense or not one a response, a rating of a response that is not there, numbers that
  /// are not finite.
  void add(ImportRecord record);

  /// Counts records that were turned away before they came here.
  void count_rejected(int64_t records = 1);

  /// Writes what remains and the counts.
  ImportCounts finish();

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace rlhf
