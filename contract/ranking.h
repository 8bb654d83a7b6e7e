#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contract/prompt.h"

namespace rlhf {

/// One person's ordering of K responses to one prompt (InstructGPT, arXiv 2203.02155, section 3.5).
/// A pair (chosen, rejected) is K = 2 with ranks {1, 2}.
struct Ranking {
  Prompt prompt;
  std::vector<std::string> responses;  ///< K >= 2; for a chat prompt the content of the assistant's answer
  std::vector<int> ranks;              ///< K dense ranks, 1 = best, equal = tie
  std::optional<double> margin;        ///< wanted difference of scores, K = 2 only
  int64_t annotation_id = 0;           ///< row in the ledger, 0 when read from a file
  std::string origin;                  ///< "file:line" or "annotation 12", for messages
};

}  // namespace rlhf
