#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "storage/database.h"

namespace rlhf {

/// What a ledger holds, counted in one consistent snapshot.
struct LedgerStatistics {
  struct Split {
    std::string name;
    int64_t prompts = 0;
    int64_t demonstrations = 0;
    int64_t rankings = 0;     ///< submitted, of two responses or more
    int64_t comparisons = 0;  ///< untied pairs of these
    int64_t ties = 0;         ///< tied pairs of these
  };
  struct Annotator {
    std::string handle;
    std::string kind;
    int64_t submitted = 0;
    int64_t skipped = 0;
    int64_t not_rankable = 0;
  };
  struct Import {
    std::string path;
    std::string format;
    std::string sha256;  ///< empty for standard input
    int64_t imported = 0;
    int64_t rejected = 0;
    int64_t started_ms = 0;  ///< UTC
    bool complete = false;   ///< false: was cut short; importing again completes it
  };

  int schema_version = 0;
  std::vector<Split> splits;          ///< train, valid, test
  std::vector<Annotator> annotators;  ///< by answers, most first
  std::vector<Import> imports;        ///< oldest first
  int64_t responses = 0;
  int64_t rated_responses = 0;  ///< judged by themselves
  int64_t models = 0;
  int64_t campaigns = 0;
  int64_t tasks = 0;
  int64_t runs = 0;
  int64_t trajectories = 0;
};

LedgerStatistics ledger_statistics(Database& database);

}  // namespace rlhf
