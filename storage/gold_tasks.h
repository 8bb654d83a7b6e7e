#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "contract/given_answer.h"
#include "contract/ranking.h"
#include "storage/database.h"

namespace rlhf {

/// The tasks whose answer is known, of one campaign or, for 0, of all: known ranks by task.
std::map<int64_t, KnownRanks> gold_tasks(Database& database, int64_t campaign);

/// What `annotator` answered in the campaign is the known answer from now on: somebody who can be trusted
/// worked on these tasks. Returns the number of tasks.
int64_t gold_from_annotator(Database& database, int64_t campaign, int64_t annotator);

struct GoldCounts {
  int64_t tasks = 0;    ///< that have a known answer now
  int64_t no_task = 0;  ///< rankings about responses that are no task of the campaign
};

/// Each ranking is the known answer of the campaign's task that is about the same prompt and responses. One
/// transaction.
GoldCounts gold_from_rankings(Database& database, int64_t campaign, const std::vector<Ranking>& rankings);

/// Known ranks as tasks.gold_json has them: {"<response id>": rank, ...}.
std::string known_ranks_json(const KnownRanks& known);

}  // namespace rlhf
