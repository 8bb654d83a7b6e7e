#include "rpc/rollout_broker.h"

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

#include "contract/error.h"
#include "log/log.h"
#include "rpc/error.h"
#include "rpc/rollout_check.h"

namespace rlhf {
namespace {

using Clock = BrokerOptions::Clock;
using UnitKey = std::pair<int64_t, int32_t>;  // iteration, unit_index

constexpr char kLocalName[] = "local";
constexpr std::chrono::milliseconds kLook{200};  // how often a wait looks at clocks and callers
constexpr std::chrono::seconds kComplainEvery{30};
constexpr int64_t kRememberedIterations = 8;  // for telling a late duplicate from nonsense
constexpr std::size_t kLongestName = 128;

struct Worker {
  std::string name;
  Clock::time_point last_seen;
  bool gone = false;  // left, or was told that the run is done
};

struct Unit {
  enum class State { kWaiting, kLeased, kDone };
  RolloutUnit unit;
  State state = State::kWaiting;
  uint64_t lease_id = 0;
  uint64_t holder = 0;  // 0: this process, whose lease does not end
  Clock::time_point expires;
  int failures = 0;
  std::string last_failure;
  std::vector<Trajectory> result;
};

UnitKey key_of(const RolloutUnit& unit) {
  return {unit.iteration, unit.unit_index};
}

std::string random_session() {
  std::random_device random;
  return std::to_string(random()) + "-" + std::to_string(random());
}

void check_worker_name(const std::string& name) {
  const auto shown = [](unsigned char c) { return c >= 0x20 && c != 0x7f; };
  if (name.empty() || name.size() > kLongestName || !std::all_of(name.begin(), name.end(), shown))
    throw UserError("a worker's name has 1 to 128 printable characters");
}

std::string short_hash(const std::string& hash) {
  return hash.substr(0, 12);
}

}  // namespace

class RolloutBroker::Impl {
 public:
  explicit Impl(BrokerOptions options) : options_(std::move(options)), session_(random_session()) {}

  std::vector<Trajectory> collect(std::vector<RolloutUnit> units, UnitRunner* local);
  void finish(std::chrono::milliseconds patience);
  std::vector<WorkerTally> tallies() const;
  Joined join(const std::string& worker_name, const std::string& instruction_set);
  LeaseAnswer lease(const Membership& worker, std::chrono::milliseconds wait,
                    const std::function<bool()>& gone);
  RenewAnswer renew(const Membership& worker, uint64_t lease_id);
  Verdict submit(const Membership& worker, Submission submission);
  void give_up(const Membership& worker, uint64_t lease_id, const std::string& reason);

 private:
  using Lock = std::unique_lock<std::mutex>;

  // All of these need mutex_.
  void offer(const std::vector<RolloutUnit>& units);
  std::vector<Trajectory> take(const std::vector<RolloutUnit>& units);
  void withdraw(const std::vector<RolloutUnit>& units);
  bool all_done(const std::vector<RolloutUnit>& units) const;
  bool is_too_old(int64_t version) const { return version < newest_version_ - options_.max_staleness; }
  Unit* first_waiting();
  Unit* leased_as(uint64_t lease_id);
  void hand_out(Unit& unit, uint64_t holder);
  void fail(Unit& unit, const std::string& reason);
  void expire_leases();
  Worker& member(const Membership& worker);
  bool everyone_left() const;
  Verdict judge(Unit& unit, Worker& worker, Submission& submission);
  std::string progress(const std::vector<RolloutUnit>& units) const;

  void run_locally(Unit& unit, UnitRunner& runner, Lock& lock);

  const BrokerOptions options_;
  const std::string session_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<UnitKey, Unit> units_;  // on offer, leased, or done and not yet taken by collect()
  std::set<UnitKey> taken_;        // done before, of late iterations
  std::map<uint64_t, Worker> workers_;
  std::map<std::string, WorkerTally> tallies_;
  uint64_t last_worker_ = 0;
  uint64_t last_lease_ = 0;
  int64_t newest_version_ = 0;
  bool finished_ = false;
};

// ---- the learner's side

std::vector<Trajectory> RolloutBroker::Impl::collect(std::vector<RolloutUnit> units, UnitRunner* local) {
  std::stable_sort(units.begin(), units.end(), [](const RolloutUnit& a, const RolloutUnit& b) {
    return a.first_prompt_slot < b.first_prompt_slot;
  });
  Lock lock(mutex_);
  offer(units);
  changed_.notify_all();
  try {
    auto complain_at = Clock::now() + kComplainEvery;
    while (!all_done(units)) {
      expire_leases();
      if (Unit* unit = local ? first_waiting() : nullptr) {
        run_locally(*unit, *local, lock);
        continue;
      }
      if (options_.interrupted && options_.interrupted())
        throw Interrupted("interrupted while waiting for rollouts");
      changed_.wait_for(lock, kLook);
      if (Clock::now() < complain_at) continue;
      log::info(progress(units));
      complain_at += kComplainEvery;
    }
    return take(units);
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    withdraw(units);
    throw;
  }
}

void RolloutBroker::Impl::offer(const std::vector<RolloutUnit>& units) {
  if (finished_) throw std::invalid_argument("the broker is finished");
  std::set<UnitKey> keys;
  int64_t newest = newest_version_;
  for (const RolloutUnit& unit : units) {
    check_unit(unit);
    if (units_.contains(key_of(unit)) || !keys.insert(key_of(unit)).second)
      throw std::invalid_argument(unit_name(unit) + " is already on offer");
    newest = std::max(newest, unit.policy_version);
  }
  for (const RolloutUnit& unit : units)
    if (unit.policy_version < newest - options_.max_staleness)
      throw std::invalid_argument(unit_name(unit) + " names policy version " +
                                  std::to_string(unit.policy_version) + ", older than version " +
                                  std::to_string(newest) + " by more than max_staleness");
  newest_version_ = newest;
  for (const RolloutUnit& unit : units) {
    taken_.erase(key_of(unit));
    units_[key_of(unit)].unit = unit;
  }
}

std::vector<Trajectory> RolloutBroker::Impl::take(const std::vector<RolloutUnit>& units) {
  std::vector<Trajectory> all;
  for (const RolloutUnit& unit : units) {
    auto node = units_.extract(key_of(unit));
    for (Trajectory& trajectory : node.mapped().result) all.push_back(std::move(trajectory));
    taken_.insert(key_of(unit));
  }
  const int64_t newest = taken_.empty() ? 0 : taken_.rbegin()->first;
  const int64_t oldest = newest - kRememberedIterations - options_.max_staleness;
  taken_.erase(taken_.begin(), taken_.lower_bound({oldest, std::numeric_limits<int32_t>::min()}));
  return all;
}

void RolloutBroker::Impl::withdraw(const std::vector<RolloutUnit>& units) {
  for (const RolloutUnit& unit : units) units_.erase(key_of(unit));
}

bool RolloutBroker::Impl::all_done(const std::vector<RolloutUnit>& units) const {
  bool done = true;
  for (const RolloutUnit& wanted : units) {
    const Unit& unit = units_.at(key_of(wanted));
    if (unit.state == Unit::State::kDone) continue;
    done = false;
    if (unit.failures >= options_.max_failures)
      throw WorldError(unit_name(wanted) + " failed " + std::to_string(unit.failures) +
                       " times; last: " + unit.last_failure);
    if (is_too_old(wanted.policy_version))
      throw WorldError(unit_name(wanted) + " was overtaken: its policy version " +
                       std::to_string(wanted.policy_version) + " is older than max_staleness allows");
  }
  return done;
}

void RolloutBroker::Impl::run_locally(Unit& unit, UnitRunner& runner, Lock& lock) {
  hand_out(unit, 0);
  const RolloutUnit work = unit.unit;
  const uint64_t lease_id = unit.lease_id;
  lock.unlock();
  std::vector<Trajectory> samples = runner.run(work);
  for (const Trajectory& sample : samples)
    if (!sample.policy_hash.empty() && sample.policy_hash != work.policy_hash)
      throw WorldError(unit_name(work) + " was sampled in this process with weights " +
                       short_hash(sample.policy_hash) + "..., not " + short_hash(work.policy_hash) + "...");
  samples = complete_samples(work, std::move(samples));
  lock.lock();
  Unit* still =
      leased_as(lease_id);  // a worker that lost its lease may have been first, or the unit is withdrawn
  if (!still) return;
  WorkerTally& tally = tallies_[kLocalName];
  tally = {kLocalName,
           options_.instruction_set,
           tally.units + 1,
           tally.trajectories + static_cast<int64_t>(samples.size()),
           0,
           0};
  still->result = std::move(samples);
  still->state = Unit::State::kDone;
  changed_.notify_all();
}

void RolloutBroker::Impl::finish(std::chrono::milliseconds patience) {
  Lock lock(mutex_);
  finished_ = true;
  changed_.notify_all();
  const auto until = Clock::now() + patience;
  while (!everyone_left() && Clock::now() < until) changed_.wait_for(lock, kLook);
}

bool RolloutBroker::Impl::everyone_left() const {
  const auto now = options_.now();
  return std::all_of(workers_.begin(), workers_.end(), [&](const auto& entry) {
    const Worker& worker = entry.second;
    return worker.gone || now - worker.last_seen > options_.lease / 3;
  });
}

std::vector<WorkerTally> RolloutBroker::Impl::tallies() const {
  const Lock lock(mutex_);
  std::vector<WorkerTally> result;
  for (const auto& [name, tally] : tallies_) result.push_back(tally);
  return result;
}

std::string RolloutBroker::Impl::progress(const std::vector<RolloutUnit>& units) const {
  std::size_t done = 0;
  for (const RolloutUnit& unit : units) done += units_.at(key_of(unit)).state == Unit::State::kDone;
  const auto now = options_.now();
  const auto alive = std::count_if(workers_.begin(), workers_.end(), [&](const auto& entry) {
    return !entry.second.gone && now - entry.second.last_seen <= options_.lease;
  });
  return "waiting for rollouts: " + std::to_string(done) + " of " + std::to_string(units.size()) +
         " units are in, " + std::to_string(alive) + (alive == 1 ? " worker is" : " workers are") +
         " connected";
}

// ---- a worker's side

RolloutBroker::Joined RolloutBroker::Impl::join(const std::string& worker_name,
                                                const std::string& instruction_set) {
  check_worker_name(worker_name);
  const Lock lock(mutex_);
  const uint64_t id = ++last_worker_;
  workers_[id] = {worker_name, options_.now(), false};
  WorkerTally& tally = tallies_[worker_name];
  tally.name = worker_name;
  tally.instruction_set = instruction_set;
  const bool differs = !options_.instruction_set.empty() && instruction_set != options_.instruction_set;
  log::info("worker " + worker_name + " joined");
  if (differs)
    log::warn("worker " + worker_name + " computes with " +
              (instruction_set.empty() ? "unknown instructions" : instruction_set) + ", the learner with " +
              options_.instruction_set + ": their trajectories may differ in the last bits");
  return {{session_, id}, options_.lease, differs};
}

RolloutBroker::LeaseAnswer RolloutBroker::Impl::lease(const Membership& worker,
                                                      std::chrono::milliseconds wait,
                                                      const std::function<bool()>& gone) {
  const auto until = Clock::now() + wait;
  Lock lock(mutex_);
  while (true) {
    Worker& asking = member(worker);
    asking.gone = false;
    if (gone && gone()) return {};
    if (finished_) {
      asking.gone = true;
      changed_.notify_all();
      return {std::nullopt, true};
    }
    expire_leases();
    if (Unit* unit = first_waiting()) {
      hand_out(*unit, worker.worker_id);
      return {Lease{unit->lease_id, unit->unit}, false};
    }
    const auto now = Clock::now();
    if (now >= until) return {};
    changed_.wait_for(lock, std::min<Clock::duration>(kLook, until - now));
  }
}

RolloutBroker::RenewAnswer RolloutBroker::Impl::renew(const Membership& worker, uint64_t lease_id) {
  const Lock lock(mutex_);
  Worker& holder = member(worker);
  expire_leases();
  if (finished_) {
    holder.gone = true;
    changed_.notify_all();
    return {false, true};
  }
  Unit* unit = leased_as(lease_id);
  if (!unit || unit->holder != worker.worker_id) return {};
  unit->expires = options_.now() + options_.lease;
  return {true, false};
}

RolloutBroker::Verdict RolloutBroker::Impl::submit(const Membership& worker, Submission submission) {
  const Lock lock(mutex_);
  Worker& from = member(worker);
  expire_leases();
  const UnitKey key{submission.iteration, submission.unit_index};
  const auto found = units_.find(key);
  Verdict verdict = taken_.contains(key) ? Verdict::kAlreadyHaveIt : Verdict::kStale;
  if (found != units_.end()) verdict = judge(found->second, from, submission);
  if (verdict != Verdict::kAccepted) ++tallies_[from.name].rejected;
  return verdict;
}

RolloutBroker::Verdict RolloutBroker::Impl::judge(Unit& unit, Worker& worker, Submission& submission) {
  if (unit.state == Unit::State::kDone) return Verdict::kAlreadyHaveIt;
  if (is_too_old(unit.unit.policy_version)) return Verdict::kStale;
  try {
    if (submission.policy_version != unit.unit.policy_version ||
        submission.policy_hash != unit.unit.policy_hash)
      throw Refused(unit_name(unit.unit) + " is to be sampled with policy version " +
                    std::to_string(unit.unit.policy_version) + " (" + short_hash(unit.unit.policy_hash) +
                    "...), not with version " + std::to_string(submission.policy_version) + " (" +
                    short_hash(submission.policy_hash) + "...)");
    unit.result = complete_samples(unit.unit, std::move(submission.samples));
  } catch (const std::exception& error) {
    ++tallies_[worker.name].rejected;
    // Another worker may hold the unit by now; its lease is none of this one's business.
    if (unit.state == Unit::State::kLeased && unit.lease_id == submission.lease_id) fail(unit, error.what());
    throw;
  }
  unit.state = Unit::State::kDone;
  WorkerTally& tally = tallies_[worker.name];
  ++tally.units;
  tally.trajectories += static_cast<int64_t>(unit.result.size());
  changed_.notify_all();
  return Verdict::kAccepted;
}

void RolloutBroker::Impl::give_up(const Membership& worker, uint64_t lease_id, const std::string& reason) {
  const Lock lock(mutex_);
  Worker& leaving = member(worker);
  Unit* unit = leased_as(lease_id);
  if (unit && unit->holder == worker.worker_id) {
    if (reason.empty())
      unit->state = Unit::State::kWaiting;
    else
      fail(*unit, "worker " + leaving.name + ": " + reason);
  }
  leaving.gone = true;
  log::info("worker " + leaving.name + " left" + (reason.empty() ? "" : ": " + reason));
  changed_.notify_all();
}

// ---- units and leases

Unit* RolloutBroker::Impl::first_waiting() {
  for (auto& [key, unit] : units_)
    if (unit.state == Unit::State::kWaiting && unit.failures < options_.max_failures &&
        !is_too_old(unit.unit.policy_version))
      return &unit;
  return nullptr;
}

Unit* RolloutBroker::Impl::leased_as(uint64_t lease_id) {
  for (auto& [key, unit] : units_)
    if (unit.state == Unit::State::kLeased && unit.lease_id == lease_id) return &unit;
  return nullptr;
}

void RolloutBroker::Impl::hand_out(Unit& unit, uint64_t holder) {
  unit.state = Unit::State::kLeased;
  unit.lease_id = ++last_lease_;
  unit.holder = holder;
  unit.expires = options_.now() + options_.lease;
}

void RolloutBroker::Impl::fail(Unit& unit, const std::string& reason) {
  unit.state = Unit::State::kWaiting;
  unit.last_failure = reason;
  ++unit.failures;
  changed_.notify_all();
}

void RolloutBroker::Impl::expire_leases() {
  const auto now = options_.now();
  for (auto& [key, unit] : units_) {
    if (unit.state != Unit::State::kLeased || unit.holder == 0 || now < unit.expires) continue;
    const std::string& name = workers_.at(unit.holder).name;
    ++tallies_[name].lost_leases;
    log::warn("worker " + name + " went silent; " + unit_name(unit.unit) + " goes to another");
    fail(unit, "worker " + name + " went silent");
  }
}

Worker& RolloutBroker::Impl::member(const Membership& worker) {
  const auto found = workers_.find(worker.worker_id);
  if (worker.session != session_ || found == workers_.end())
    throw SessionLost("this learner does not know the worker; it was restarted since");
  found->second.last_seen = options_.now();
  return found->second;
}

// ---- what the header declares

RolloutBroker::RolloutBroker(BrokerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
RolloutBroker::~RolloutBroker() = default;

std::vector<Trajectory> RolloutBroker::collect(const std::vector<RolloutUnit>& units, UnitRunner* local) {
  return impl_->collect(units, local);
}
void RolloutBroker::finish(std::chrono::milliseconds patience) {
  impl_->finish(patience);
}
std::vector<WorkerTally> RolloutBroker::tallies() const {
  return impl_->tallies();
}
RolloutBroker::Joined RolloutBroker::join(const std::string& worker_name,
                                          const std::string& instruction_set) {
  return impl_->join(worker_name, instruction_set);
}
RolloutBroker::LeaseAnswer RolloutBroker::lease(const Membership& worker, std::chrono::milliseconds wait,
                                                const std::function<bool()>& gone) {
  return impl_->lease(worker, wait, gone);
}
RolloutBroker::RenewAnswer RolloutBroker::renew(const Membership& worker, uint64_t lease_id) {
  return impl_->renew(worker, lease_id);
}
RolloutBroker::Verdict RolloutBroker::submit(const Membership& worker, Submission submission) {
  return impl_->submit(worker, std::move(submission));
}
void RolloutBroker::give_up(const Membership& worker, uint64_t lease_id, const std::string& reason) {
  impl_->give_up(worker, lease_id, reason);
}

}  // namespace rlhf
