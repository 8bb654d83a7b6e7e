#pragma once
#include <cstdint>

#include "label_quality/vote_table.h"
#include "storage/database.h"

namespace rlhf {

/// How every two people of a campaign agree on pairs of responses.
VoteTable campaign_agreement(Database& database, int64_t campaign);

/// The same of one annotator against each of the others. Reads the tasks that the annotator answered.
VoteTable agreement_with_others(Database& database, int64_t campaign, int64_t annotator);

}  // namespace rlhf
