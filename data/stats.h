#pragma once
#include <string>

#include "storage/ledger_statistics.h"

namespace rlhf {

/// One JSON object, for programs.
std::string statistics_json(const LedgerStatistics& statistics);

/// A few tables in text, for people.
std::string statistics_table(const LedgerStatistics& statistics);

}  // namespace rlhf
