#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/database.h"

namespace rlhf {

struct LedgerCheck {
  std::vector<std::string> problems;  ///< in words, naming table and row; empty when all is well
  int64_t prompts = 0, responses = 0, demonstrations = 0, annotations = 0, trajectories = 0;  ///< looked at
};

/// `rlhf data verify`: SQLite's own check of the file and of every reference, then what only we know: tables,
/// triggers and views against the migrations; prompts, responses, demonstrations, sampling settings and
/// guidelines against the hashes kept of them, splits against the hashes; what every finished annotation says
/// against its seal, ranks complete and dense in every submitted one; per-token blobs of the right length.
/// Lists at most `limit` problems. Reads everything once, as it stood when it began; others may write
/// meanwhile. May throw UserError instead where damage keeps it from reading.
LedgerCheck verify_ledger(Database& database, std::size_t limit = 100);

/// `rlhf data backup`: a copy of the ledger as it is now, while others write to it. The copy is checked, made
/// durable and appears whole or not at all. Throws UserError when `destination` exists, WorldError when the
/// disk fails.
void backup_ledger(Database& database, const std::filesystem::path& destination);

}  // namespace rlhf
