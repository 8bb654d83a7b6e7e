#pragma once
#include <cstdint>
#include <vector>

#include "contract/given_answer.h"

namespace rlhf::test {

/// `ranks` of responses 1, 2, 3, ..., which were shown in that order, as part of a campaign.
inline RankedAnswer answer(int64_t annotation, int64_t annotator, const std::vector<int>& ranks) {
  RankedAnswer given;
  given.annotation_id = annotation;
  given.prompt_id = given.task_id = 1;
  given.annotator_id = annotator;
  for (std::size_t i = 0; i < ranks.size(); ++i)
    given.items.push_back({static_cast<int64_t>(i) + 1, static_cast<int>(i), ranks[i]});
  return given;
}

}  // namespace rlhf::test
