#include "rpc/unit_table.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <stdexcept>

#include "contract/error.h"
#include "rpc/rollout_check.h"

namespace rlhf {
namespace {

constexpr int64_t kRememberedIterations = 8;  // for telling a late duplicate from nonsense

std::pair<int64_t, int32_t> key_of(const RolloutUnit& unit) {
  return {unit.iteration, unit.unit_index};
}

}  // namespace

void UnitTable::offer(const std::vector<RolloutUnit>& units) {
  std::set<Key> keys;
  int64_t newest = newest_version_;
  for (const RolloutUnit& unit : units) {
    check_unit(unit);
    if (entries_.contains(key_of(unit)) || !keys.insert(key_of(unit)).second)
      throw std::invalid_argument(unit_name(unit) + " is already on offer");
    newest = std::max(newest, unit.policy_version);
  }
  for (const RolloutUnit& unit : units)
    if (unit.policy_version < newest - max_staleness_)
      throw std::invalid_argument(unit_name(unit) + " names policy version " +
                                  std::to_string(unit.policy_version) + ", older than version " +
                                  std::to_string(newest) + " by more than max_staleness");
  newest_version_ = newest;
  for (const RolloutUnit& unit : units) {
    taken_.erase(key_of(unit));
    entries_[key_of(unit)].unit = unit;
  }
}

void UnitTable::withdraw(const std::vector<RolloutUnit>& units) {
  for (const RolloutUnit& unit : units) entries_.erase(key_of(unit));
}

bool UnitTable::all_done(const std::vector<RolloutUnit>& units) const {
  bool done = true;
  for (const RolloutUnit& wanted : units) {
    const Entry& entry = entries_.at(key_of(wanted));
    if (entry.state == Entry::State::kDone) continue;
    done = false;
    if (entry.failures >= max_failures_)
      throw WorldError(unit_name(wanted) + " failed " + std::to_string(entry.failures) +
                       " times; last: " + entry.last_failure);
    if (is_too_old(wanted))
      throw WorldError(unit_name(wanted) + " was overtaken: its policy version " +
                       std::to_string(wanted.policy_version) + " is older than max_staleness allows");
  }
  return done;
}

std::size_t UnitTable::count_done(const std::vector<RolloutUnit>& units) const {
  std::size_t done = 0;
  for (const RolloutUnit& unit : units) done += entries_.at(key_of(unit)).state == Entry::State::kDone;
  return done;
}

std::vector<Trajectory> UnitTable::take(const std::vector<RolloutUnit>& units) {
  std::vector<Trajectory> all;
  for (const RolloutUnit& unit : units) {
    auto node = entries_.extract(key_of(unit));
    std::move(node.mapped().result.begin(), node.mapped().result.end(), std::back_inserter(all));
    taken_.insert(key_of(unit));
  }
  const int64_t newest = taken_.empty() ? 0 : taken_.rbegin()->first;
  const int64_t oldest = newest - kRememberedIterations - max_staleness_;
  taken_.erase(taken_.begin(), taken_.lower_bound({oldest, std::numeric_limits<int32_t>::min()}));
  return all;
}

UnitTable::Entry* UnitTable::first_waiting() {
  for (auto& [key, entry] : entries_)
    if (entry.state == Entry::State::kWaiting && entry.failures < max_failures_ && !is_too_old(entry.unit))
      return &entry;
  return nullptr;
}

UnitTable::Entry* UnitTable::leased_as(uint64_t lease_id) {
  for (auto& [key, entry] : entries_)
    if (entry.state == Entry::State::kLeased && entry.lease_id == lease_id) return &entry;
  return nullptr;
}

UnitTable::Entry* UnitTable::find(int64_t iteration, int32_t unit_index) {
  const auto found = entries_.find({iteration, unit_index});
  return found == entries_.end() ? nullptr : &found->second;
}

void UnitTable::hand_out(Entry& entry, uint64_t holder, Clock::time_point now) {
  entry.state = Entry::State::kLeased;
  entry.lease_id = ++last_lease_;
  entry.holder = holder;
  renew(entry, now);
}

void UnitTable::fail(Entry& entry, const std::string& reason) {
  entry.state = Entry::State::kWaiting;
  entry.last_failure = reason;
  ++entry.failures;
}

void UnitTable::finish(Entry& entry, std::vector<Trajectory> result) {
  entry.result = std::move(result);
  entry.state = Entry::State::kDone;
}

std::vector<UnitTable::Entry*> UnitTable::overdue(Clock::time_point now) {
  std::vector<Entry*> late;
  for (auto& [key, entry] : entries_)
    if (entry.state == Entry::State::kLeased && entry.holder != kThisProcess && now >= entry.expires)
      late.push_back(&entry);
  return late;
}

}  // namespace rlhf
