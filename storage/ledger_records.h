#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "contract/record.h"
#include "contract/sources.h"
#include "storage/database.h"

namespace rlhf {

enum class RecordKind { kPrompt, kDemonstration, kRanking, kRatedResponse };

/// Which of the ledger's records. Everything there is of `split` unless narrowed.
struct LedgerSelection {
  std::string split = "train";          ///< "train", "valid", "test" or "all"
  std::string campaign;                 ///< name; labels of this annotation campaign only
  std::string source;                   ///< data set, as the import said
  std::optional<int64_t> through_tick;  ///< labels as they were at this tick of the ledger's clock
  std::optional<int64_t> through_row;   ///< prompts and demonstrations up to this row
};

/// Where the ledger stands: what a run records so that its training data can be read again later.
struct LedgerPosition {
  int64_t tick = 0;                ///< for LedgerSelection::through_tick
  int64_t last_prompt = 0;         ///< for through_row
  int64_t last_demonstration = 0;  ///< for through_row
};
LedgerPosition ledger_position(Database& database);

/// Calls `visit` with each record of `kind`, oldest first, as one consistent snapshot: what others write
/// meanwhile is not seen. Reads what is selected and no more. Labels that were superseded, skipped or are
/// drafts do not count. Throws UserError for an unknown split or campaign. `visit` must not write through the
/// same Database.
void for_each_record(Database& database, RecordKind kind, const LedgerSelection& selection,
                     const std::function<void(ImportRecord&&)>& visit);

/// Calls `visit` with every ranking and rating that counts now of one prompt, by its row, oldest first.
void for_each_label_of(Database& database, int64_t prompt_id,
                       const std::function<void(ImportRecord&&)>& visit);

/// The ledger as what trainers read from. Each reads everything selected into memory, oldest first.
class LedgerPreferences : public PreferenceSource {
 public:
  LedgerPreferences(Database& database, LedgerSelection selection)
      : database_(database), selection_(std::move(selection)) {}
  std::vector<Ranking> rankings() override;
  /// The same rankings split by split, with what the ledger knows of each; Provenance::split is the ledger's.
  std::vector<ImportRecord> records();

 private:
  Database& database_;
  LedgerSelection selection_;
};

class LedgerDemonstrations : public DemonstrationSource {
 public:
  LedgerDemonstrations(Database& database, LedgerSelection selection)
      : database_(database), selection_(std::move(selection)) {}
  std::vector<Demonstration> demonstrations() override;

 private:
  Database& database_;
  LedgerSelection selection_;
};

/// Every prompt of the selection, whether it came alone, with rankings or with demonstrations.
class LedgerPrompts : public PromptSource {
 public:
  LedgerPrompts(Database& database, LedgerSelection selection)
      : database_(database), selection_(std::move(selection)) {}
  std::vector<Prompt> prompts() override;

 private:
  Database& database_;
  LedgerSelection selection_;
};

}  // namespace rlhf
