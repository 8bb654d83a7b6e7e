#pragma once
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "contract/record.h"
#include "storage/database.h"
#include "storage/ledger_import.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {

/// A ledger file of its own, removed at the end of the scope.
struct Ledger {
  TemporaryFolder folder;
  std::filesystem::path file = folder / "ledger.db";
  Database database{file};

  /// What a query says, read through another connection.
  int64_t count(const std::string& sql) const {
    return SQLite::Database(file, SQLite::OPEN_READONLY).execAndGet(sql).getInt64();
  }
  std::string text(const std::string& sql) const {
    return SQLite::Database(file, SQLite::OPEN_READONLY).execAndGet(sql).getString();
  }
};

inline ImportRecord ranking(const std::string& prompt, std::vector<std::string> responses,
                            std::vector<int> ranks) {
  ImportRecord record;
  record.content = Ranking{{prompt, {}}, std::move(responses), std::move(ranks), {}, 0, ""};
  return record;
}

inline ImportCounts import(Database& database, const std::vector<ImportRecord>& records,
                           const std::string& sha256 = "a", bool dry_run = false) {
  LedgerImport into(database, {"file.jsonl", sha256, "kwise", "0.1.0", dry_run});
  for (const ImportRecord& record : records) into.add(record);
  return into.finish();
}

}  // namespace rlhf::test
