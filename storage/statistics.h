#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/database.h"

namespace rlhf {

struct SplitStatistics {
  int64_t prompts = 0;
  int64_t demonstrations = 0;
  int64_t responses = 0;
  int64_t rankings = 0;     ///< annotations that rank two responses or more
  int64_t comparisons = 0;  ///< unordered pairs in them, ties included
  int64_t ties = 0;
};

struct ImportStatistics {
  std::string path, format, license;
  int64_t imported = 0, already_present = 0, rejected = 0;
  bool finished = false;
};

struct AnnotatorStatistics {
  std::string handle, kind;
  int64_t submitted = 0, skipped = 0, not_rankable = 0, superseded = 0;
};

struct ModelStatistics {
  std::string name, model_hash;
  int64_t responses = 0;
};

/// What a ledger holds, for people: `rlhf data stats`.
struct LedgerStatistics {
  std::map<std::string, SplitStatistics> splits;  ///< "train", "valid", "test"
  std::map<int64_t, int64_t> rankings_by_size;    ///< K -> rankings
  int64_t near_duplicate_prompts = 0;     ///< prompts that equal another but for case, composition and space
  int64_t winners_shown_first = 0;        ///< over pairs that are no tie, in answers given here
  int64_t pairs_shown = 0;                ///< such pairs: the two should be near 1 : 2
  std::vector<ImportStatistics> imports;  ///< oldest first
  std::vector<AnnotatorStatistics> annotators;  ///< by handle
  std::vector<ModelStatistics> models;          ///< that have responses
  int64_t runs = 0, trajectories = 0;
};

LedgerStatistics ledger_statistics(Database& database);

}  // namespace rlhf
