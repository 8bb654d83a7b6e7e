#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contract/prompt.h"
#include "storage/database.h"

namespace rlhf {

/// Responses to one prompt that could be ranked, or are to be: a task before it is one.
struct ResponseSet {
  int64_t prompt_id = 0;
  Prompt prompt;
  std::vector<int64_t> response_ids;
  std::vector<std::string> responses;  ///< their texts, which differ
};

struct CandidateQuery {
  int64_t campaign = 0;  ///< prompts that have a task in it are left out; 0: it is not there yet
  int k = 4;             ///< responses a set
  std::string split = "all";
  std::string model_hash;  ///< only responses of this model; empty: of any
};

/// For each prompt with k different sampled responses, the first k, in the order in which the prompts came.
std::vector<ResponseSet> read_candidates(Database& database, const CandidateQuery& query);

/// The sets that are tasks already, of every campaign, oldest first.
std::vector<ResponseSet> read_task_sets(Database& database);

/// How many tasks the campaign has for this reason.
int64_t count_tasks(Database& database, int64_t campaign, const std::string& reason);

}  // namespace rlhf
