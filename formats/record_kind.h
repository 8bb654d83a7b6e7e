#pragma once
#include <string>

#include "contract/record.h"

namespace rlhf {

/// What the records of a format are. Within a kind one file may mix formats; a record of another kind in it
/// is an error.
enum class FormatKind { kPrompts, kDemonstrations, kRankings, kRatings };

/// "prompt", "demonstration", "ranking" or "rated response": for messages.
std::string kind_name(const ImportRecord& record);

}  // namespace rlhf
