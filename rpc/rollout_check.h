#pragma once
#include <string>
#include <vector>

#include "contract/rollout_unit.h"
#include "contract/trajectory.h"

namespace rlhf {

/// "unit 3 of iteration 7", for messages.
std::string unit_name(const RolloutUnit& unit);

/// Throws UserError when a unit cannot be what a learner means: no prompts, an empty one, negative ids,
/// sampling settings out of range, no policy named.
void check_unit(const RolloutUnit& unit);

/// Makes trajectories of what a runner sampled for `unit`: checks that there is one sample per slot in order,
/// that every response has 1 to max_new_tokens ids below `vocab_size` with as many log-probabilities, and
/// that all numbers are finite; then fills in what the unit knows (prompt, iteration, policy). Throws
/// UserError naming the sample at fault.
std::vector<Trajectory> complete_samples(const RolloutUnit& unit, std::vector<Trajectory> samples,
                                         int64_t vocab_size);

}  // namespace rlhf
