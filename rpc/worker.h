#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "contract/checkpoint.h"
#include "contract/rollout_unit.h"
#include "contract/sources.h"
#include "rpc/address.h"
#include "rpc/protocol.h"

namespace rlhf {

struct WorkerOptions {
  Address learner;
  std::string name;  ///< shown by the learner; empty: host name and process id
  std::string
      instruction_set;  ///< e.g. at::get_cpu_capability(); a difference from the learner's is announced
  std::chrono::milliseconds redial{
      60'000};                     ///< how long to look for a learner that went away, or is not there yet
  std::size_t cached_runners = 1;  ///< runners kept for policies seen before
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal handler: leave after the unit at hand
  TransferLimits limits;
  Deadlines deadlines;
};

/// The weights a unit names, verified: their model hashes are the unit's.
struct RunnerModels {
  std::shared_ptr<const CheckpointBytes> policy;
  std::vector<std::shared_ptr<const CheckpointBytes>> reward_models;  ///< in the unit's order
};

/// Builds what computes units sampled with these weights; `unit` carries dtype and threads. Called again when
/// the policy, a reward model, dtype or thread count changes. A reward model's bytes are the same object as
/// long as the unit names it, so a maker can keep the network it built from them.
using MakeRunner =
    std::function<std::unique_ptr<UnitRunner>(const RunnerModels& models, const RolloutUnit& unit)>;

struct WorkerSummary {
  int64_t units = 0;       ///< accepted by the learner
  int64_t duplicates = 0;  ///< computed, but another was first or the learner had moved on
  bool finished = false;   ///< the learner said the run is done; false: `stop` was set
};

/// A rollout worker's whole life: join, lease, fetch, compute, submit, until the learner says that the run is
/// done. Leases are renewed from a thread of its own while a unit is computed. Blocks. Throws WorldError when
/// the learner stays away longer than `redial`, speaks another protocol version, serves weights whose hash is
/// wrong, or refuses a result; what `make_runner` or the runner throws hands the unit back and is passed on.
WorkerSummary run_worker(const WorkerOptions& options, const MakeRunner& make_runner);

}  // namespace rlhf
