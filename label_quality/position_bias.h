#pragma once
#include "contract/given_answer.h"
#include "label_quality/clustered_share.h"

namespace rlhf {

/// Adds an answer's untied pairs to `share`, as one cluster: how often the response that was shown first won.
/// Where orders are drawn at random, 0.5 is what somebody gives whom the order does not sway. Imported
/// answers do not count: how responses stood in a file is no order that anybody was shown.
void add_first_wins(const RankedAnswer& answer, ClusteredShare& share);

}  // namespace rlhf
