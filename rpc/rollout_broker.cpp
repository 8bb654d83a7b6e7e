#include "rpc/rollout_broker.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <stdexcept>
#include <utility>

#include "contract/error.h"
#include "log/log.h"
#include "rpc/error.h"
#include "rpc/rollout_check.h"
#include "rpc/unit_table.h"

namespace rlhf {
namespace {

using Clock = BrokerOptions::Clock;

constexpr char kLocalName[] = "local";
constexpr std::chrono::milliseconds kLook{200};  // how often a wait looks at clocks and callers
constexpr std::chrono::seconds kComplainEvery{30};
constexpr std::size_t kLongestName = 128;

struct Worker {
  std::string name;
  Clock::time_point last_seen;
  bool gone = false;  // left, or was told that the run is done
};

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
  explicit Impl(BrokerOptions options)
      : options_(std::move(options)),
        session_(random_session()),
        units_(options_.lease, options_.max_staleness, options_.max_failures) {}

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
  void expire_leases();
  void free_again(UnitTable::Entry& entry, const std::string& reason);
  Worker& member(const Membership& worker);
  bool everyone_left() const;
  Verdict judge(UnitTable::Entry& entry, const Worker& worker, Submission& submission);
  void count(const std::string& name, const std::vector<Trajectory>& accepted);
  std::string progress(const std::vector<RolloutUnit>& units) const;

  void run_locally(UnitTable::Entry& entry, UnitRunner& runner, Lock& lock);

  const BrokerOptions options_;
  const std::string session_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  UnitTable units_;
  std::map<uint64_t, Worker> workers_;
  std::map<std::string, WorkerTally> tallies_;
  uint64_t last_worker_ = 0;
  bool finished_ = false;
};

// ---- the learner's side

std::vector<Trajectory> RolloutBroker::Impl::collect(std::vector<RolloutUnit> units, UnitRunner* local) {
  std::stable_sort(units.begin(), units.end(), [](const RolloutUnit& a, const RolloutUnit& b) {
    return a.first_prompt_slot < b.first_prompt_slot;
  });
  Lock lock(mutex_);
  if (finished_) throw std::invalid_argument("the broker is finished");
  units_.offer(units);
  changed_.notify_all();
  try {
    auto complain_at = Clock::now() + kComplainEvery;
    while (!units_.all_done(units)) {
      expire_leases();
      if (UnitTable::Entry* entry = local ? units_.first_waiting() : nullptr) {
        run_locally(*entry, *local, lock);
        continue;
      }
      if (options_.interrupted && options_.interrupted())
        throw Interrupted("interrupted while waiting for rollouts");
      changed_.wait_for(lock, kLook);
      if (Clock::now() < complain_at) continue;
      log::info(progress(units));
      complain_at += kComplainEvery;
    }
    return units_.take(units);
  } catch (...) {
    if (!lock.owns_lock()) lock.lock();
    units_.withdraw(units);
    throw;
  }
}

void RolloutBroker::Impl::run_locally(UnitTable::Entry& entry, UnitRunner& runner, Lock& lock) {
  units_.hand_out(entry, UnitTable::kThisProcess, options_.now());
  const RolloutUnit work = entry.unit;
  const uint64_t lease_id = entry.lease_id;
  lock.unlock();
  std::vector<Trajectory> samples = runner.run(work);
  for (const Trajectory& sample : samples)
    if (!sample.policy_hash.empty() && sample.policy_hash != work.policy_hash)
      throw WorldError(unit_name(work) + " was sampled in this process with weights " +
                       short_hash(sample.policy_hash) + "..., not " + short_hash(work.policy_hash) + "...");
  samples = complete_samples(work, std::move(samples), options_.vocab_size);
  lock.lock();
  UnitTable::Entry* still = units_.leased_as(lease_id);
  if (!still) return;  // a worker that had lost its lease was first, or the unit is withdrawn
  count(kLocalName, samples);
  tallies_[kLocalName].instruction_set = options_.instruction_set;
  UnitTable::finish(*still, std::move(samples));
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
  const auto now = options_.now();
  const auto alive = std::count_if(workers_.begin(), workers_.end(), [&](const auto& entry) {
    return !entry.second.gone && now - entry.second.last_seen <= options_.lease;
  });
  return "waiting for rollouts: " + std::to_string(units_.count_done(units)) + " of " +
         std::to_string(units.size()) + " units are in, " + std::to_string(alive) +
         (alive == 1 ? " worker is" : " workers are") + " connected";
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
    if (UnitTable::Entry* entry = units_.first_waiting()) {
      units_.hand_out(*entry, worker.worker_id, options_.now());
      return {Lease{entry->lease_id, entry->unit}, false};
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
  UnitTable::Entry* entry = units_.leased_as(lease_id);
  if (!entry || entry->holder != worker.worker_id) return {};
  units_.renew(*entry, options_.now());
  return {true, false};
}

RolloutBroker::Verdict RolloutBroker::Impl::submit(const Membership& worker, Submission submission) {
  const Lock lock(mutex_);
  const Worker& from = member(worker);
  expire_leases();
  UnitTable::Entry* entry = units_.find(submission.iteration, submission.unit_index);
  const bool taken = units_.was_taken(submission.iteration, submission.unit_index);
  const Verdict verdict = entry   ? judge(*entry, from, submission)
                          : taken ? Verdict::kAlreadyHaveIt
                                  : Verdict::kStale;
  if (verdict != Verdict::kAccepted) ++tallies_[from.name].rejected;
  return verdict;
}

RolloutBroker::Verdict RolloutBroker::Impl::judge(UnitTable::Entry& entry, const Worker& worker,
                                                  Submission& submission) {
  const RolloutUnit& unit = entry.unit;
  if (entry.state == UnitTable::Entry::State::kDone) return Verdict::kAlreadyHaveIt;
  if (units_.is_too_old(unit)) return Verdict::kStale;
  try {
    if (submission.policy_version != unit.policy_version || submission.policy_hash != unit.policy_hash)
      throw Refused(unit_name(unit) + " is to be sampled with policy version " +
                    std::to_string(unit.policy_version) + " (" + short_hash(unit.policy_hash) +
                    "...), not with version " + std::to_string(submission.policy_version) + " (" +
                    short_hash(submission.policy_hash) + "...)");
    UnitTable::finish(entry, complete_samples(unit, std::move(submission.samples), options_.vocab_size));
  } catch (const std::exception& error) {
    ++tallies_[worker.name].rejected;
    // Another worker may hold the unit by now; its lease is none of this one's business.
    if (units_.leased_as(submission.lease_id) == &entry) free_again(entry, error.what());
    throw;
  }
  count(worker.name, entry.result);
  changed_.notify_all();
  return Verdict::kAccepted;
}

void RolloutBroker::Impl::count(const std::string& name, const std::vector<Trajectory>& accepted) {
  WorkerTally& tally = tallies_[name];
  tally.name = name;
  ++tally.units;
  tally.trajectories += static_cast<int64_t>(accepted.size());
}

void RolloutBroker::Impl::give_up(const Membership& worker, uint64_t lease_id, const std::string& reason) {
  const Lock lock(mutex_);
  Worker& leaving = member(worker);
  UnitTable::Entry* entry = units_.leased_as(lease_id);
  if (entry && entry->holder == worker.worker_id) {
    if (reason.empty())
      UnitTable::give_back(*entry);
    else
      free_again(*entry, "worker " + leaving.name + ": " + reason);
  }
  leaving.gone = true;
  log::info("worker " + leaving.name + " left" + (reason.empty() ? "" : ": " + reason));
  changed_.notify_all();
}

void RolloutBroker::Impl::free_again(UnitTable::Entry& entry, const std::string& reason) {
  UnitTable::fail(entry, reason);
  changed_.notify_all();
}

void RolloutBroker::Impl::expire_leases() {
  for (UnitTable::Entry* late : units_.overdue(options_.now())) {
    const std::string& name = workers_.at(late->holder).name;
    ++tallies_[name].lost_leases;
    log::warn("worker " + name + " went silent; " + unit_name(late->unit) + " goes to another");
    free_again(*late, "worker " + name + " went silent");
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
