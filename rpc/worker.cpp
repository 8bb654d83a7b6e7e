#include "rpc/worker.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include <unistd.h>

#include "log/log.h"
#include "rpc/checkpoint_client.h"
#include "rpc/error.h"
#include "rpc/rollout_check.h"
#include "rpc/rollout_client.h"

namespace rlhf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAskFor{2'000};  // how long a request for a unit waits at the learner
constexpr std::chrono::milliseconds kDialFor{250};   // then look whether to stop or to give up
constexpr std::chrono::milliseconds kPause{20};      // for a learner that is there and refuses
constexpr int kRenewalsPerLease = 5;

/// The learner does not have what the unit names, any more or ever.
class NotServed : public WorldError {
 public:
  using WorldError::WorldError;
};

std::string default_name() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) return "worker:" + std::to_string(getpid());
  return std::string(host.data()) + ":" + std::to_string(getpid());
}

/// Renews a lease from a thread of its own as long as it lives, a lost one too: it is how the learner knows
/// that the worker is there, and the worker that the run is over. A renewal that fails is not this thread's
/// to mend: the worker notices when it submits.
class Heartbeat {
 public:
  Heartbeat(RolloutClient& learner, uint64_t lease_id, std::chrono::milliseconds every)
      : thread_([this, &learner, lease_id, every](const std::stop_token& stop) {
          beat(learner, lease_id, every, stop);
        }) {}

  bool finished() const { return finished_; }

 private:
  void beat(RolloutClient& learner, uint64_t lease_id, std::chrono::milliseconds every,
            const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, every, [&] { return stop.stop_requested(); })) {
      try {
        const RolloutBroker::RenewAnswer answer = learner.renew(lease_id);
        if (answer.finished) {
          finished_ = true;
          return;
        }
      } catch (const std::exception&) {
      }
    }
  }

  std::atomic<bool> finished_ = false;
  std::jthread thread_;  // last: stops before the rest is gone
};

/// Runners by what they were made from, and the reward models' bytes.
class Runners {
 public:
  Runners(const WorkerOptions& options, const MakeRunner& make_runner)
      : limit_(std::max<std::size_t>(options.cached_runners, 1)),
        make_runner_(make_runner),
        models_(options.learner, options.limits, options.deadlines) {}

  /// Throws WorldError when the learner serves other weights than the unit names.
  UnitRunner& runner_for(const RolloutUnit& unit) {
    const auto found =
        std::find_if(made_.begin(), made_.end(), [&](const Made& made) { return made.serves(unit); });
    if (found != made_.end()) {
      made_.splice(made_.begin(), made_, found);
      return *made_.front().runner;
    }
    while (made_.size() >= limit_) made_.pop_back();  // first, so that two sets of weights need not fit
    const RunnerModels models{fetch(kPolicyModel, unit.policy_version, unit.policy_hash),
                              reward_models(unit)};
    made_.push_front({unit.policy_hash, unit.reward_models, unit.dtype, unit.generation_threads,
                      make_runner_(models, unit)});
    return *made_.front().runner;
  }

 private:
  struct Made {
    std::string policy_hash;
    std::vector<ServedRewardModel> reward_models;
    std::string dtype;
    int32_t threads = 0;
    std::unique_ptr<UnitRunner> runner;
    bool serves(const RolloutUnit& unit) const {
      return policy_hash == unit.policy_hash && reward_models == unit.reward_models && dtype == unit.dtype &&
             threads == unit.generation_threads;
    }
  };
  using Checkpoint = std::shared_ptr<const CheckpointBytes>;

  Checkpoint fetch(const std::string& name, int64_t version, const std::string& hash) {
    const auto checkpoint = [&] {
      try {
        return std::make_shared<const CheckpointBytes>(models_.fetch(name, version));
      } catch (const UserError& error) {
        throw NotServed(std::string("the learner does not serve what its unit names: ") + error.what());
      }
    }();
    if (checkpoint->manifest.model_hash != hash)
      throw WorldError("the learner serves \"" + name + "\" with hash " +
                       checkpoint->manifest.model_hash.substr(0, 12) + "..., the unit wants " +
                       hash.substr(0, 12) + "...");
    return checkpoint;
  }

  /// Fetches what the last unit did not name.
  std::vector<Checkpoint> reward_models(const RolloutUnit& unit) {
    std::vector<Checkpoint> wanted;
    for (const ServedRewardModel& model : unit.reward_models) {
      const auto held =
          std::find_if(reward_models_.begin(), reward_models_.end(),
                       [&](const Checkpoint& there) { return there->manifest.model_hash == model.hash; });
      wanted.push_back(held != reward_models_.end() ? *held : fetch(model.name, 0, model.hash));
    }
    reward_models_ = wanted;
    return wanted;
  }

  const std::size_t limit_;
  const MakeRunner& make_runner_;
  CheckpointClient models_;
  std::vector<Checkpoint> reward_models_;
  std::list<Made> made_;  // newest first
};

class WorkerLoop {
 public:
  WorkerLoop(const WorkerOptions& options, const MakeRunner& make_runner)
      : options_(options),
        name_(options.name.empty() ? default_name() : options.name),
        learner_(options.learner, options.deadlines),
        runners_(options, make_runner) {}

  WorkerSummary run() {
    try {
      work();
    } catch (const std::exception& error) {
      say_why(error.what());
      throw;
    }
    return summary_;
  }

 private:
  void work() {
    while (!leaving_) {
      try {
        join();
        while (!leaving_) take_a_unit();
      } catch (const Unreachable& error) {
        wait_or_give_up(error.what());
      } catch (const SessionLost& error) {
        wait_or_give_up(error.what());
      }
    }
  }

  struct Result {
    std::string session;
    RolloutBroker::Lease lease;
    std::vector<Trajectory> samples;
  };

  void join() {
    const RolloutBroker::Joined joined = learner_.join(name_, options_.instruction_set);
    if (joined.instruction_set_differs)
      log::warn(
          "this machine computes with other instructions than the learner's: trajectories may differ in the "
          "last bits");
    renew_every_ =
        std::max<std::chrono::milliseconds>(joined.lease / kRenewalsPerLease, std::chrono::milliseconds(1));
    if (joined.membership.session != session_) unsent_.reset();
    session_ = joined.membership.session;
    heard();
    log::info("joined grpc://" + options_.learner.text() + " as " + name_);
    if (unsent_) submit();
  }

  void take_a_unit() {
    if (options_.stop && *options_.stop) return leave();
    const RolloutBroker::LeaseAnswer answer = learner_.lease(kAskFor);
    heard();
    if (answer.finished) {
      summary_.finished = leaving_ = true;
      return;
    }
    if (!answer.lease) return;
    compute(*answer.lease);
    if (unsent_) submit();
  }

  /// Leaves the result in unsent_.
  void compute(const RolloutBroker::Lease& lease) {
    held_lease_ = lease.id;
    Heartbeat heartbeat(learner_, lease.id, renew_every_);
    try {
      unsent_ = Result{session_, lease, runners_.runner_for(lease.unit).run(lease.unit)};
    } catch (const NotServed&) {
      if (learner_.renew(lease.id).held) throw;
      return;  // others finished the unit, and its policy is gone
    }
    if (!heartbeat.finished()) return;
    unsent_.reset();
    ++summary_.duplicates;
    summary_.finished = leaving_ = true;
  }

  void submit() {
    const RolloutBroker::Verdict verdict = learner_.submit(unsent_->lease, unsent_->samples);
    heard();
    unsent_.reset();
    ++(verdict == RolloutBroker::Verdict::kAccepted ? summary_.units : summary_.duplicates);
  }

  void leave() {
    leaving_ = true;
    learner_.give_up(0, "");
  }

  /// Hands back the unit at hand, so that it need not wait for its lease to run out.
  void say_why(const std::string& reason) {
    try {
      learner_.give_up(held_lease_, reason);
    } catch (const std::exception&) {  // the failure that brought us here is the one to tell
    }
  }

  void heard() { silent_since_.reset(); }

  /// Returns when it is time to dial again; throws when it is no use any more.
  void wait_or_give_up(const std::string& why) {
    if (options_.stop && *options_.stop) {
      leaving_ = true;
      return;
    }
    const std::string patience = std::to_string(options_.redial.count() / 1000) + " s";
    if (!silent_since_) {
      silent_since_ = Clock::now();
      log::warn(why + "; dialling again for up to " + patience);
    }
    if (Clock::now() - *silent_since_ >= options_.redial)
      throw WorldError("no learner for " + patience + ": " + why);
    std::this_thread::sleep_for(kPause);
    learner_.dial_again(std::min<std::chrono::milliseconds>(kDialFor, options_.redial));
  }

  const WorkerOptions& options_;
  const std::string name_;
  RolloutClient learner_;
  Runners runners_;
  std::string session_;
  std::chrono::milliseconds renew_every_{1000};
  uint64_t held_lease_ = 0;
  std::optional<Result> unsent_;  // computed, and not known to have arrived
  std::optional<Clock::time_point> silent_since_;
  bool leaving_ = false;
  WorkerSummary summary_;
};

}  // namespace

WorkerSummary run_worker(const WorkerOptions& options, const MakeRunner& make_runner) {
  return WorkerLoop(options, make_runner).run();
}

}  // namespace rlhf
