#pragma once
#include <cstdint>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// One ranking as the reward model sees it: K token sequences (prompt, response, end of sequence) and their
/// order.
struct RankedSequences {
  std::vector<std::vector<TokenId>> sequences;  ///< K
  std::vector<int> ranks;                       ///< K, 1 = best, equal = tie
  double margin = 0;                            ///< wanted r_w - r_l of every pair

  int64_t untied_pairs() const;
};

}  // namespace rlhf
