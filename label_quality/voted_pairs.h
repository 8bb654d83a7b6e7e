#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "contract/given_answer.h"
#include "label_quality/units.h"
#include "label_quality/vote_table.h"

namespace rlhf {

/// What one person said of a pair of responses.
struct Vote {
  int64_t annotator_id = 0;
  Verdict verdict = Verdict::kTie;
};

/// Calls `visit` with the votes on each pair of responses that two people or more compared, one vote a
/// person, by annotator. `answers` are all there are to one prompt. Of a person who compared a pair more than
/// once the latest answer counts; answers of nobody known are left out, as they may be anybody's.
void for_each_voted_pair(const std::vector<RankedAnswer>& answers,
                         const std::function<void(const std::vector<Vote>&)>& visit);

/// Adds the votes on a pair to `units` as -1, 0 (a tie) and 1, in both directions as in VoteTable::kappa.
void add_both_directions(const std::vector<Vote>& votes, Units& units);

}  // namespace rlhf
