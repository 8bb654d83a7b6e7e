#pragma once
#include <cstdint>

#include "contract/given_answer.h"

namespace rlhf {

/// How an answer compares with the known one.
struct CheckResult {
  int64_t right = 0;  ///< pairs of responses in the known order, tied where they are known to tie
  int64_t pairs = 0;  ///< pairs of responses whose order is known
};

CheckResult check_answer(const RankedAnswer& answer, const KnownRanks& known);

}  // namespace rlhf
