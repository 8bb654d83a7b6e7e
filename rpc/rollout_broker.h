#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/sources.h"

namespace rlhf {

struct BrokerOptions {
  using Clock = std::chrono::steady_clock;
  std::chrono::milliseconds lease{15'000};  ///< a lease not renewed for this long goes to another worker
  int64_t max_staleness = 0;                ///< policy versions a submission may lag behind the newest units
  int64_t vocab_size = std::numeric_limits<TokenId>::max();  ///< of the policy; ids from there on are refused
  int max_failures = 5;         ///< times a unit may fail or lose its lease before collect() gives up
  std::string instruction_set;  ///< of the learner; a worker with another is announced
  /// Asked a few times a second while collect() waits; true ends it with Interrupted.
  std::function<bool()> interrupted;
  std::function<Clock::time_point()> now = Clock::now;  ///< tests move it by hand
};

/// What a worker did so far, for the log and the summary.
struct WorkerTally {
  std::string name;  ///< a worker that joins again under its name goes on counting
  std::string instruction_set;
  int64_t units = 0;         ///< accepted
  int64_t trajectories = 0;  ///< accepted
  int64_t lost_leases = 0;
  int64_t rejected = 0;  ///< duplicates, stale and refused submissions
};

/// The learner's side of rollouts: hands out units, takes results, knows nothing of the network. Units that
/// wait are leased in their order; a unit is accepted once, from whoever is first, because whoever computes
/// it gets the same bits. Safe from any thread.
class RolloutBroker {
 public:
  explicit RolloutBroker(BrokerOptions options = {});
  ~RolloutBroker();

  // The learner.

  /// Offers `units` and blocks until all are in. With `local`, this thread computes units too while it waits;
  /// a failure of `local` ends the call. Returns trajectories in the order of (prompt_slot, sample_index).
  /// Calls with units of different iterations may overlap. Throws WorldError when a unit failed too often,
  /// std::invalid_argument when a unit is malformed, already offered or sampled with weights that are too
  /// old.
  std::vector<Trajectory> collect(const std::vector<RolloutUnit>& units, UnitRunner* local = nullptr);

  /// Tells workers that the run is done and waits, `patience` at most, until those alive have heard it. Call
  /// before the server stops.
  void finish(std::chrono::milliseconds patience = std::chrono::seconds(10));

  /// Sorted by name; "local" is this process.
  std::vector<WorkerTally> tallies() const;

  // A worker, through the rollout service. Every function but join() throws SessionLost for another session
  // or an unknown worker.

  struct Membership {
    std::string session;
    uint64_t worker_id = 0;
  };
  struct Joined {
    Membership membership;
    std::chrono::milliseconds lease{0};
    bool instruction_set_differs = false;
  };
  Joined join(const std::string& worker_name, const std::string& instruction_set);

  struct Lease {
    uint64_t id = 0;
    RolloutUnit unit;
  };
  struct LeaseAnswer {
    std::optional<Lease> lease;
    bool finished = false;  ///< neither: nothing free, ask again
  };
  /// Waits up to `wait` for a unit; `gone` tells that nobody is listening any more.
  LeaseAnswer lease(const Membership& worker, std::chrono::milliseconds wait,
                    const std::function<bool()>& gone);

  struct RenewAnswer {
    bool held = false;      ///< false: the lease is lost
    bool finished = false;  ///< the run is done
  };
  RenewAnswer renew(const Membership& worker, uint64_t lease_id);

  struct Submission {
    uint64_t lease_id = 0;
    int64_t iteration = 0;
    int32_t unit_index = 0;
    int64_t policy_version = 0;
    std::string policy_hash;
    /// prompt_slot, sample_index, the response and the scores are read; the rest is filled in from the unit.
    std::vector<Trajectory> samples;
  };
  enum class Verdict { kAccepted, kAlreadyHaveIt, kStale };
  /// Throws Refused when the weights are not the unit's, UserError when the samples do not fit the unit;
  /// either way the unit is free again.
  Verdict submit(const Membership& worker, Submission submission);

  /// The worker leaves and hands its unit back; lease 0: it has none. With a reason the unit counts as
  /// failed.
  void give_up(const Membership& worker, uint64_t lease_id, const std::string& reason);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlhf
