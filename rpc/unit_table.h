#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "contract/rollout_unit.h"
#include "contract/trajectory.h"

namespace rlhf {

/// The units a broker has on offer and who holds them. Not safe from several threads: the broker locks.
class UnitTable {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr uint64_t kThisProcess = 0;  ///< a holder whose lease does not end

  struct Entry {
    enum class State { kWaiting, kLeased, kDone };
    RolloutUnit unit;
    State state = State::kWaiting;
    uint64_t lease_id = 0;
    uint64_t holder = kThisProcess;
    Clock::time_point expires;
    int failures = 0;
    std::string last_failure;
    std::vector<Trajectory> result;
  };

  UnitTable(std::chrono::milliseconds lease, int64_t max_staleness, int max_failures)
      : lease_(lease), max_staleness_(max_staleness), max_failures_(max_failures) {}

  /// All or none. Throws UserError or std::invalid_argument as RolloutBroker::collect() says.
  void offer(const std::vector<RolloutUnit>& units);
  void withdraw(const std::vector<RolloutUnit>& units);
  /// Throws WorldError when one of them failed too often or is too old by now.
  bool all_done(const std::vector<RolloutUnit>& units) const;
  std::size_t count_done(const std::vector<RolloutUnit>& units) const;
  /// The results of units that are all done, in the order of `units`; forgets the units.
  std::vector<Trajectory> take(const std::vector<RolloutUnit>& units);

  // nullptr: none.
  Entry* first_waiting();
  Entry* leased_as(uint64_t lease_id);
  Entry* find(int64_t iteration, int32_t unit_index);
  /// Whether the unit was taken within the last iterations.
  bool was_taken(int64_t iteration, int32_t unit_index) const {
    return taken_.contains({iteration, unit_index});
  }
  bool is_too_old(const RolloutUnit& unit) const {
    return unit.policy_version < newest_version_ - max_staleness_;
  }

  void hand_out(Entry& entry, uint64_t holder, Clock::time_point now);
  void renew(Entry& entry, Clock::time_point now) { entry.expires = now + lease_; }
  static void give_back(Entry& entry) { entry.state = Entry::State::kWaiting; }
  static void fail(Entry& entry, const std::string& reason);
  static void finish(Entry& entry, std::vector<Trajectory> result);
  /// Leases that ran out: still marked as leased, for the caller to blame their holders and fail() them.
  std::vector<Entry*> overdue(Clock::time_point now);

 private:
  using Key = std::pair<int64_t, int32_t>;  // iteration, unit_index

  const std::chrono::milliseconds lease_;
  const int64_t max_staleness_;
  const int max_failures_;
  std::map<Key, Entry> entries_;
  std::set<Key> taken_;
  uint64_t last_lease_ = 0;
  int64_t newest_version_ = 0;
};

}  // namespace rlhf
