#include "rpc/worker.h"

#include <future>
#include <thread>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "rpc/error.h"
#include "rpc/remote_rollout_source.h"
#include "rpc/rollout_client.h"
#include "tests/rpc/fakes.h"
#include "tests/support/catch.h"

extern char** environ;

namespace rlhf {
namespace {

using std::chrono::milliseconds;

std::future<WorkerSummary> start(const WorkerOptions& options, MakeRunner make = test::fake_runners()) {
  return std::async(std::launch::async, [=] { return run_worker(options, make); });
}

/// A worker in a process of its own.
class WorkerProcess {
 public:
  WorkerProcess(const Address& learner, std::string name, bool hang) {
    std::string address = learner.text();
    std::string program = RLHF_TEST_WORKER, word = "hang";
    char* arguments[] = {program.data(), address.data(), name.data(), hang ? word.data() : nullptr, nullptr};
    REQUIRE(posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments, environ) == 0);
  }
  ~WorkerProcess() {
    if (pid_) end(SIGKILL);
  }
  int end(int signal = 0) {
    if (signal) kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = 0;
};

WorkerTally tally(const RolloutBroker& broker, const std::string& name) {
  for (const WorkerTally& tally : broker.tallies())
    if (tally.name == name) return tally;
  return {};
}

/// Sampled by this learner: what its units say in the trajectories.
std::vector<RolloutUnit> units_of(const test::Learner& learner, int count, int64_t iteration = 0) {
  return test::make_units(count, iteration, 1, learner.policy);
}

}  // namespace

TEST_CASE("One worker gives what this process gives") {
  test::Learner learner;
  auto worker = start(learner.worker("alice"));
  RemoteRolloutSource source(learner.broker);
  for (int64_t iteration = 0; iteration < 3; ++iteration)
    CHECK(source.collect(units_of(learner, 5, iteration)) == test::expected(units_of(learner, 5, iteration)));
  learner.broker.finish();
  const WorkerSummary summary = worker.get();
  CHECK(summary.finished);
  CHECK(summary.units == 15);
  CHECK(tally(learner.broker, "alice").units == 15);
}

TEST_CASE("Three workers and this process together give the same") {
  test::Learner learner;
  const auto slow = [](const RunnerModels& models, const RolloutUnit&) -> std::unique_ptr<UnitRunner> {
    struct Slow : test::FakeRunner {
      using FakeRunner::FakeRunner;
      std::vector<Trajectory> run(const RolloutUnit& unit) override {
        std::this_thread::sleep_for(milliseconds(5));
        return FakeRunner::run(unit);
      }
    };
    return std::make_unique<Slow>(models.policy->manifest.model_hash,
                                  models.reward_models[0]->manifest.model_hash);
  };
  std::vector<std::future<WorkerSummary>> workers;
  for (const char* name : {"alice", "bob", "carol"}) workers.push_back(start(learner.worker(name), slow));
  while (learner.broker.tallies().size() < 3) std::this_thread::sleep_for(milliseconds(1));
  const auto units = units_of(learner, 40);
  test::FakeRunner local(learner.policy.manifest.model_hash, units[0].reward_models[0].hash);
  CHECK(RemoteRolloutSource(learner.broker).collect(units) == test::expected(units));
  const auto more = units_of(learner, 40, 1);
  CHECK(RemoteRolloutSource(learner.broker, &local).collect(more) == test::expected(more));
  learner.broker.finish();
  int64_t done = tally(learner.broker, "local").units;
  for (auto& worker : workers) {
    const WorkerSummary summary = worker.get();
    CHECK(summary.finished);
    CHECK(summary.units > 0);
    done += summary.units;
  }
  CHECK(done == 80);
}

TEST_CASE("A worker killed in the middle of a unit costs nothing but its lease") {
  BrokerOptions options;
  options.lease = milliseconds(600);
  test::Learner learner(options);
  WorkerProcess killed(learner.server.address(), "killed", true);
  const auto units = units_of(learner, 4);
  auto collected = std::async(std::launch::async, [&] { return learner.broker.collect(units); });
  while (tally(learner.broker, "killed").name.empty()) std::this_thread::sleep_for(milliseconds(1));
  // It renews the lease it holds for as long as it lives.
  std::this_thread::sleep_for(milliseconds(900));
  CHECK(tally(learner.broker, "killed").lost_leases == 0);
  CHECK(killed.end(SIGKILL) == 128 + SIGKILL);
  WorkerProcess other(learner.server.address(), "other", false);
  CHECK(collected.get() == test::expected(units));
  CHECK(tally(learner.broker, "killed").lost_leases == 1);
  CHECK(tally(learner.broker, "killed").units == 0);
  CHECK(tally(learner.broker, "other").units == 4);
  learner.broker.finish();
  CHECK(other.end() == kExitDone);
}

TEST_CASE("A worker whose learner is gone dials for a while and then fails") {
  auto learner = std::make_unique<test::Learner>();
  WorkerProcess worker(learner->server.address(), "alice", false);
  while (tally(learner->broker, "alice").name.empty()) std::this_thread::sleep_for(milliseconds(1));
  learner.reset();
  CHECK(worker.end() == kExitWorldFailed);
}

TEST_CASE("A worker finds a learner that comes later, and one that was restarted") {
  Address address;
  {
    test::Learner learner;
    address = learner.server.address();
  }
  WorkerOptions options;
  options.learner = address;
  options.name = "patient";
  options.redial = milliseconds(20'000);
  auto worker = start(options);
  const CheckpointBytes policy = test::make_policy(1);
  for (int64_t life = 0; life < 2; ++life) {
    MemoryCheckpointStore store;
    RolloutBroker broker;
    store.publish(kPolicyModel, policy);
    store.publish("reward", test::make_reward_model());
    Server server(address, {&store, &broker, nullptr});
    const auto units = test::make_units(3, life, 1, policy);
    CHECK(broker.collect(units) == test::expected(units));
    if (life == 1) broker.finish();
  }
  CHECK(worker.get().units == 6);
}

TEST_CASE("Weights whose hash is not the unit's end the worker, and the unit is free again") {
  BrokerOptions broker_options;
  broker_options.max_failures = 1;
  test::Learner learner(broker_options);
  auto units = units_of(learner, 1);
  SECTION("policy") {
    units[0].policy_hash = test::make_policy(2).manifest.model_hash;
  }
  SECTION("reward model") {
    units[0].reward_models[0].hash = test::make_policy(2).manifest.model_hash;
  }
  SECTION("a version that is not served") {
    units[0].policy_version = 9;
  }
  SECTION("a reward model that is not served") {
    units[0].reward_models[0].name = "gold";
  }
  auto collected = std::async(std::launch::async, [&] { return learner.broker.collect(units); });
  CHECK_THROWS_AS(run_worker(learner.worker("alice"), test::fake_runners()), WorldError);
  CHECK_THROWS_WITH(collected.get(), test::contains("worker alice: the learner"));
}

TEST_CASE("A runner that fails hands its unit back and passes the reason on") {
  test::Learner learner;
  const auto units = units_of(learner, 2);
  auto collected = std::async(std::launch::async, [&] { return learner.broker.collect(units); });
  const MakeRunner broken = [](const RunnerModels&, const RolloutUnit&) -> std::unique_ptr<UnitRunner> {
    throw std::runtime_error("no memory for the weights");
  };
  CHECK_THROWS_WITH(run_worker(learner.worker("poor"), broken), "no memory for the weights");
  auto worker = start(learner.worker("rich"));
  CHECK(collected.get() == test::expected(units));
  learner.broker.finish();
  CHECK(worker.get().units == 2);
}

TEST_CASE("A runner that samples nonsense ends its worker, not the run") {
  test::Learner learner;
  const auto units = units_of(learner, 2);
  auto collected = std::async(std::launch::async, [&] { return learner.broker.collect(units); });
  struct Nonsense : UnitRunner {
    std::vector<Trajectory> run(const RolloutUnit& unit) override {
      auto samples = test::FakeRunner(unit.policy_hash).run(unit);
      samples[1].logprobs[0] = 3.0f;
      return samples;
    }
  };
  const MakeRunner nonsense = [](const RunnerModels&, const RolloutUnit&) {
    return std::make_unique<Nonsense>();
  };
  CHECK_THROWS_WITH(run_worker(learner.worker("mad"), nonsense), test::contains("will not have the result"));
  auto worker = start(learner.worker("sane"));
  CHECK(collected.get() == test::expected(units));
  learner.broker.finish();
  worker.get();
}

TEST_CASE("Runners are kept by the hashes of their weights, reward models as long as they are named") {
  test::Learner learner;
  const CheckpointBytes second = test::make_policy(3);
  learner.store.publish("reward-2", second);
  std::vector<std::vector<std::shared_ptr<const CheckpointBytes>>> given;
  const MakeRunner counting = [&](const RunnerModels& models, const RolloutUnit& unit) {
    given.push_back(models.reward_models);
    return test::fake_runners()(models, unit);
  };
  auto worker = start(learner.worker("alice"), counting);
  learner.broker.collect(units_of(learner, 4));
  learner.broker.collect(units_of(learner, 4, 1));
  const CheckpointBytes next = test::make_policy(2);
  const int64_t version = learner.store.publish(kPolicyModel, next);
  const auto units = test::make_units(4, 2, version, next);
  CHECK(learner.broker.collect(units) == test::expected(units));
  auto ensemble = test::make_units(1, 3, version, next);
  ensemble[0].reward_models.push_back({"reward-2", second.manifest.model_hash});
  CHECK(learner.broker.collect(ensemble) == test::expected(ensemble));
  auto turned = test::make_units(1, 4, version, next);
  turned[0].reward_models.insert(turned[0].reward_models.begin(), {"reward-2", second.manifest.model_hash});
  CHECK(learner.broker.collect(turned) == test::expected(turned));
  auto unscored = test::make_units(1, 5, version, next);
  unscored[0].reward_models.clear();
  CHECK(learner.broker.collect(unscored) == test::expected(unscored));
  learner.broker.finish();
  worker.get();
  REQUIRE(given.size() == 5);
  CHECK(given[1] == given[0]);
  REQUIRE(given[2].size() == 2);
  CHECK(given[2][0] == given[0][0]);
  CHECK(given[3] == decltype(given)::value_type{given[2][1], given[2][0]});
  CHECK(given[4].empty());
}

TEST_CASE("A worker asked to stop leaves after the unit at hand") {
  test::Learner learner;
  std::atomic<bool> stop = false;
  WorkerOptions options = learner.worker("alice");
  options.stop = &stop;
  const MakeRunner stopping = [&](const RunnerModels& models, const RolloutUnit& unit) {
    stop = true;
    return test::fake_runners()(models, unit);
  };
  auto first = start(options, stopping);
  const auto units = units_of(learner, 3);
  auto collected = std::async(std::launch::async, [&] { return learner.broker.collect(units); });
  const WorkerSummary summary = first.get();
  CHECK(summary.units == 1);
  CHECK_FALSE(summary.finished);
  auto second = start(learner.worker("bob"));
  CHECK(collected.get() == test::expected(units));
  learner.broker.finish();
  CHECK(second.get().finished);
}

TEST_CASE("A unit submitted twice over the wire is accepted once") {
  test::Learner learner;
  const auto units = units_of(learner, 1);
  auto collected = std::async(std::launch::async, [&] { return learner.broker.collect(units); });
  RolloutClient alice(learner.server.address());
  alice.join("alice", "");
  const RolloutBroker::Lease lease = alice.lease(milliseconds(20'000)).lease.value();
  CHECK(alice.submit(lease, test::expected(units)) == RolloutBroker::Verdict::kAccepted);
  CHECK(collected.get() == test::expected(units));
  CHECK(alice.submit(lease, test::expected(units)) == RolloutBroker::Verdict::kAlreadyHaveIt);
  RolloutBroker::Lease unknown = lease;
  unknown.unit.iteration = 5;
  CHECK(alice.submit(unknown, test::expected(units)) == RolloutBroker::Verdict::kStale);
}

}  // namespace rlhf
