#pragma once
#include <cstdint>
#include <vector>

#include "contract/ranking.h"
#include "reward_model/ranked_sequences.h"
#include "text/sequence_encoder.h"

namespace rlhf {

struct RewardDatasetReport {
  int64_t rankings = 0;
  int64_t all_tied = 0;   ///< left out: no untied pair
  int64_t too_long = 0;   ///< left out: a response does not fit max_length
  int64_t responses = 0;  ///< in what is left
  int64_t pairs = 0;      ///< untied, in what is left
};

/// Tokenises rankings, each response ending in the end-of-sequence token, where the score is read. UserError
/// when nothing is left.
std::vector<RankedSequences> make_ranked_sequences(const std::vector<Ranking>& rankings,
                                                   const SequenceEncoder& encoder, int64_t max_length,
                                                   RewardDatasetReport& report);

}  // namespace rlhf
