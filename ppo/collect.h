#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "contract/sources.h"
#include "train/collective.h"

namespace rlhf {

/// Which weights a trajectory may have been sampled with.
struct Admission {
  int64_t policy_version = 0;  ///< of the weights that learn now
  int64_t max_staleness = 0;   ///< versions that a trajectory may lag behind
  std::map<int64_t, std::string>
      hashes;  ///< of the versions published; a trajectory sampled in-process has none
};

/// False for weights too old, or not of the hash that their version has.
bool admitted(const Trajectory& trajectory, const Admission& admission);

/// How rollouts reach the processes of a data-parallel run.
enum class RolloutPlace {
  kEveryProcess,  ///< each computes its share of the units
  kFirstProcess,  ///< the first gets them all from workers
};

struct Rollouts {
  std::vector<Trajectory>
      trajectories;     ///< in the order of (prompt_slot, sample_index), the same in every process
  int64_t refused = 0;  ///< trajectories that were not admitted
};

/// Collects an iteration's units and hands every process all of their trajectories: they are small, and with
/// all of them at hand minibatches are the same whatever the number of processes. policy_hash is left empty.
/// WorldError when none was admitted.
Rollouts collect_rollouts(RolloutSource& source, const std::vector<RolloutUnit>& units,
                          const Admission& admission, RolloutPlace place, Collective& collective);

}  // namespace rlhf
