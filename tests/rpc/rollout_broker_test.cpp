#include "rpc/rollout_broker.h"

#include <atomic>
#include <future>
#include <limits>

#include "rpc/error.h"
#include "rpc/remote_rollout_source.h"
#include "tests/rpc/fakes.h"
#include "tests/support/catch.h"

namespace rlhf {
namespace {

using Verdict = RolloutBroker::Verdict;
using std::chrono::milliseconds;

constexpr milliseconds kLong{20'000};  // ends long before: a test that waits so long hangs

/// A clock that tests move by hand.
struct Time {
  std::shared_ptr<std::atomic<int64_t>> ms = std::make_shared<std::atomic<int64_t>>(0);
  BrokerOptions options() const {
    BrokerOptions options;
    options.lease = milliseconds(1000);
    options.now = [ms = ms] { return BrokerOptions::Clock::time_point(milliseconds(*ms)); };
    return options;
  }
  void pass(int64_t more) { *ms += more; }
};

/// A broker on which a learner's thread collects `units`, and workers that are called by hand.
struct Scene {
  explicit Scene(int units, BrokerOptions options) : broker(stoppable(std::move(options))) {
    wanted = test::make_units(units, 0, 1, policy);
    collected = std::async(std::launch::async, [this] { return broker.collect(wanted); });
    alice = broker.join("alice", "").membership;
    bob = broker.join("bob", "").membership;
  }
  ~Scene() { over = true; }

  BrokerOptions stoppable(BrokerOptions options) {
    options.interrupted = [this] { return over.load(); };
    return options;
  }
  RolloutBroker::Lease take(const RolloutBroker::Membership& worker) {
    return broker.lease(worker, kLong, nullptr).lease.value();
  }
  RolloutBroker::Submission result(const RolloutBroker::Lease& lease) const {
    return {lease.id,
            lease.unit.iteration,
            lease.unit.unit_index,
            lease.unit.policy_version,
            lease.unit.policy_hash,
            test::expected({lease.unit})};
  }
  Verdict work(const RolloutBroker::Membership& worker, const RolloutBroker::Lease& lease) {
    return broker.submit(worker, result(lease));
  }
  WorkerTally tally(const std::string& name) const {
    for (const WorkerTally& tally : broker.tallies())
      if (tally.name == name) return tally;
    return {};
  }

  std::atomic<bool> over = false;
  CheckpointBytes policy = test::make_policy(1);
  std::vector<RolloutUnit> wanted;
  RolloutBroker broker;
  std::future<std::vector<Trajectory>> collected;
  RolloutBroker::Membership alice, bob;
};

}  // namespace

TEST_CASE("Units are handed out in order and collected in order, whoever is first") {
  Scene scene(3, {});
  const auto first = scene.take(scene.alice);
  const auto second = scene.take(scene.bob);
  const auto third = scene.take(scene.alice);
  CHECK(first.unit.unit_index == 0);
  CHECK(second.unit.unit_index == 1);
  CHECK(third.unit.unit_index == 2);
  CHECK(scene.work(scene.alice, third) == Verdict::kAccepted);
  CHECK(scene.work(scene.bob, second) == Verdict::kAccepted);
  CHECK(scene.work(scene.alice, first) == Verdict::kAccepted);
  CHECK(scene.collected.get() == test::expected(scene.wanted));
  CHECK(scene.tally("alice").units == 2);
  CHECK(scene.tally("alice").trajectories == 8);
  CHECK(scene.tally("bob").units == 1);
}

TEST_CASE("A lease that is not renewed goes to another worker") {
  Time time;
  Scene scene(1, time.options());
  const auto lost = scene.take(scene.alice);
  time.pass(999);
  CHECK_FALSE(scene.broker.lease(scene.bob, milliseconds(0), nullptr).lease);
  time.pass(1);
  const auto again = scene.take(scene.bob);
  CHECK(again.unit.unit_index == 0);
  CHECK(again.id != lost.id);
  CHECK_FALSE(scene.broker.renew(scene.alice, lost.id).held);
  CHECK(scene.tally("alice").lost_leases == 1);
  CHECK(scene.work(scene.bob, again) == Verdict::kAccepted);
  CHECK(scene.work(scene.alice, lost) == Verdict::kAlreadyHaveIt);
  CHECK(scene.collected.get() == test::expected(scene.wanted));
  CHECK(scene.work(scene.alice, lost) == Verdict::kAlreadyHaveIt);
  CHECK(scene.tally("alice").units == 0);
  CHECK(scene.tally("alice").rejected == 2);
}

TEST_CASE("A renewed lease holds") {
  Time time;
  Scene scene(1, time.options());
  const auto lease = scene.take(scene.alice);
  for (int i = 0; i < 5; ++i) {
    time.pass(900);
    CHECK(scene.broker.renew(scene.alice, lease.id).held);
    CHECK_FALSE(scene.broker.renew(scene.bob, lease.id).held);
  }
  CHECK_FALSE(scene.broker.lease(scene.bob, milliseconds(0), nullptr).lease);
  CHECK(scene.work(scene.alice, lease) == Verdict::kAccepted);
}

TEST_CASE("A worker that lost its lease may still be first") {
  Time time;
  Scene scene(1, time.options());
  const auto lost = scene.take(scene.alice);
  time.pass(1000);
  const auto again = scene.take(scene.bob);
  CHECK(scene.work(scene.alice, lost) == Verdict::kAccepted);
  CHECK(scene.work(scene.bob, again) == Verdict::kAlreadyHaveIt);
  CHECK(scene.collected.get() == test::expected(scene.wanted));
}

TEST_CASE("Weights that are not the unit's are refused and the unit is free again") {
  Scene scene(1, {});
  const auto lease = scene.take(scene.alice);
  auto wrong = scene.result(lease);
  SECTION("another hash") {
    wrong.policy_hash = test::make_policy(2).manifest.model_hash;
  }
  SECTION("another version") {
    wrong.policy_version = 2;
  }
  CHECK_THROWS_AS(scene.broker.submit(scene.alice, wrong), Refused);
  CHECK(scene.tally("alice").rejected == 1);
  CHECK(scene.work(scene.bob, scene.take(scene.bob)) == Verdict::kAccepted);
}

TEST_CASE("Samples that do not fit the unit are refused and the unit is free again") {
  constexpr TokenId kVocabulary = 1'000'000;
  BrokerOptions options;
  options.vocab_size = kVocabulary;
  Scene scene(1, options);
  const auto lease = scene.take(scene.alice);
  auto wrong = scene.result(lease);
  SECTION("one too few") {
    wrong.samples.pop_back();
  }
  SECTION("none") {
    wrong.samples.clear();
  }
  SECTION("out of order") {
    std::swap(wrong.samples[0], wrong.samples[1]);
  }
  SECTION("another slot") {
    wrong.samples[3].prompt_slot = 0;
  }
  SECTION("an empty response") {
    wrong.samples[2].response_ids.clear();
    wrong.samples[2].logprobs.clear();
  }
  SECTION("too long") {
    wrong.samples[2].response_ids.resize(7);
    wrong.samples[2].logprobs.resize(7);
  }
  SECTION("a negative id") {
    wrong.samples[1].response_ids[0] = -5;
  }
  SECTION("an id behind the vocabulary") {
    wrong.samples[1].response_ids.back() = kVocabulary;
  }
  SECTION("lengths that differ") {
    wrong.samples[1].logprobs.push_back(-1);
  }
  SECTION("NaN") {
    wrong.samples[1].logprobs[0] = std::numeric_limits<float>::quiet_NaN();
  }
  SECTION("a positive log-probability") {
    wrong.samples[1].logprobs[0] = 0.5f;
  }
  SECTION("an infinite score") {
    wrong.samples[0].score = std::numeric_limits<double>::infinity();
  }
  SECTION("a NaN raw score") {
    wrong.samples[0].raw_score = std::numeric_limits<double>::quiet_NaN();
  }
  SECTION("a negative spread") {
    wrong.samples[0].score_spread = -1;
  }
  CHECK_THROWS_AS(scene.broker.submit(scene.alice, wrong), UserError);
  CHECK(scene.work(scene.bob, scene.take(scene.bob)) == Verdict::kAccepted);
  CHECK(scene.collected.get() == test::expected(scene.wanted));
}

TEST_CASE("A bad result of a lost lease does not disturb the worker that holds it now") {
  Time time;
  Scene scene(1, time.options());
  const auto lost = scene.take(scene.alice);
  time.pass(1000);
  const auto again = scene.take(scene.bob);
  auto wrong = scene.result(lost);
  wrong.samples.clear();
  CHECK_THROWS_AS(scene.broker.submit(scene.alice, wrong), UserError);
  CHECK(scene.broker.renew(scene.bob, again.id).held);
}

TEST_CASE("A unit that fails again and again ends the collection with the last reason") {
  BrokerOptions options;
  options.max_failures = 3;
  Scene scene(2, options);
  for (int i = 0; i < 3; ++i) {
    const auto lease = scene.take(scene.alice);
    CHECK(lease.unit.unit_index == 0);
    scene.broker.give_up(scene.alice, lease.id, "out of memory, try " + std::to_string(i));
  }
  CHECK_THROWS_WITH(scene.collected.get(),
                    test::contains("unit 0 of iteration 0 failed 3 times; last: worker alice: "
                                   "out of memory, try 2"));
}

TEST_CASE("A worker that leaves gives its unit back without blame") {
  BrokerOptions options;
  options.max_failures = 1;
  Scene scene(1, options);
  scene.broker.give_up(scene.alice, scene.take(scene.alice).id, "");
  CHECK(scene.work(scene.bob, scene.take(scene.bob)) == Verdict::kAccepted);
  CHECK(scene.collected.get() == test::expected(scene.wanted));
}

TEST_CASE("Weights too old by max_staleness are refused") {
  BrokerOptions options;
  options.max_staleness = 1;
  RolloutBroker broker(options);
  const CheckpointBytes policy = test::make_policy(1);
  const auto worker = broker.join("alice", "").membership;
  const auto collect = [&](int64_t iteration, int64_t version) {
    return std::async(std::launch::async, [&, iteration, version] {
      return broker.collect(test::make_units(1, iteration, version, policy));
    });
  };
  auto old = collect(0, 1);
  const auto lease = *broker.lease(worker, kLong, nullptr).lease;
  RolloutBroker::Submission late{lease.id, 0, 0, 1, lease.unit.policy_hash, test::expected({lease.unit})};

  auto next = collect(1, 2);  // one version behind is allowed
  const auto second = *broker.lease(worker, kLong, nullptr).lease;
  CHECK(second.unit.policy_version == 2);
  auto newest = collect(2, 3);  // two are not
  const auto third = *broker.lease(worker, kLong, nullptr).lease;
  CHECK(broker.submit(worker, late) == Verdict::kStale);
  CHECK_THROWS_WITH(old.get(), test::contains("overtaken"));
  CHECK_THROWS_AS(broker.collect(test::make_units(1, 3, 1, policy)), std::invalid_argument);
  CHECK(broker.submit(worker, {second.id, 1, 0, 2, second.unit.policy_hash, test::expected({second.unit})}) ==
        Verdict::kAccepted);
  CHECK(broker.submit(worker, {third.id, 2, 0, 3, third.unit.policy_hash, test::expected({third.unit})}) ==
        Verdict::kAccepted);
  CHECK(next.get() == test::expected({second.unit}));
  CHECK(newest.get() == test::expected({third.unit}));
}

TEST_CASE("This process computes units too, and its results are the same") {
  RolloutBroker broker;
  const CheckpointBytes policy = test::make_policy(1);
  const auto units = test::make_units(4, 0, 1, policy);
  test::FakeRunner local(policy.manifest.model_hash, units[0].reward_models[0].hash);
  CHECK(RemoteRolloutSource(broker, &local).collect(units) == test::expected(units));
  const auto tallies = broker.tallies();
  REQUIRE(tallies.size() == 1);
  CHECK(tallies[0].name == "local");
  CHECK(tallies[0].units == 4);
}

TEST_CASE("A failure of the runner in this process ends the collection and withdraws its units") {
  struct Broken : UnitRunner {
    std::vector<Trajectory> run(const RolloutUnit&) override { throw WorldError("no memory"); }
  } broken;
  RolloutBroker broker;
  const auto units = test::make_units(2, 0, 1, test::make_policy(1));
  CHECK_THROWS_WITH(broker.collect(units, &broken), "no memory");
  const auto worker = broker.join("alice", "").membership;
  CHECK_FALSE(broker.lease(worker, milliseconds(0), nullptr).lease);
  CHECK(broker.submit(worker, {1, 0, 0, 1, units[0].policy_hash, test::expected({units[0]})}) ==
        Verdict::kStale);
}

TEST_CASE("A local runner with other weights than the unit's is caught") {
  struct Other : test::FakeRunner {
    using FakeRunner::FakeRunner;
    std::vector<Trajectory> run(const RolloutUnit& unit) override {
      auto result = FakeRunner::run(unit);
      for (Trajectory& trajectory : result) trajectory.policy_hash = test::make_policy(2).manifest.model_hash;
      return result;
    }
  } other("x");
  RolloutBroker broker;
  CHECK_THROWS_AS(broker.collect(test::make_units(1, 0, 1, test::make_policy(1)), &other), WorldError);
}

TEST_CASE("Workers hear that the run is done") {
  RolloutBroker broker;
  const auto asking = broker.join("asking", "").membership;
  auto answer = std::async(std::launch::async, [&] { return broker.lease(asking, kLong, nullptr); });
  broker.finish(kLong);
  CHECK(answer.get().finished);
  CHECK(broker.lease(asking, kLong, nullptr).finished);
  CHECK(broker.renew(asking, 1).finished);
}

TEST_CASE("A worker that went silent does not hold up the end") {
  Time time;
  RolloutBroker broker(time.options());
  broker.join("dead", "");
  time.pass(400);  // more than a third of a lease without a word
  broker.finish(std::chrono::hours(1));
}

TEST_CASE("Another session or an unknown worker must join again") {
  RolloutBroker broker;
  RolloutBroker restarted;
  const auto worker = broker.join("alice", "").membership;
  restarted.join("bob", "");
  CHECK_THROWS_AS(restarted.lease(worker, milliseconds(0), nullptr), SessionLost);
  CHECK_THROWS_AS(restarted.renew(worker, 1), SessionLost);
  CHECK_THROWS_AS(restarted.submit(worker, {}), SessionLost);
  CHECK_THROWS_AS(broker.lease({worker.session, 99}, milliseconds(0), nullptr), SessionLost);
}

TEST_CASE("A learner that is interrupted stops waiting") {
  Scene scene(1, {});
  scene.over = true;
  CHECK_THROWS_AS(scene.collected.get(), Interrupted);
}

TEST_CASE("Nobody listening gets no unit") {
  Scene scene(1, {});
  CHECK_FALSE(scene.broker.lease(scene.alice, kLong, [] { return true; }).lease);
  CHECK(scene.take(scene.bob).unit.unit_index == 0);
}

TEST_CASE("A worker's name must be printable, its instructions may differ") {
  BrokerOptions options;
  options.instruction_set = "AVX512";
  RolloutBroker broker(options);
  for (const std::string& name :
       {std::string(), std::string("a\nb"), std::string("a\x1b[31m"), std::string(129, 'x')})
    CHECK_THROWS_AS(broker.join(name, ""), UserError);
  CHECK_FALSE(broker.join("alice", "AVX512").instruction_set_differs);
  CHECK(broker.join("bob", "AVX2").instruction_set_differs);
}

TEST_CASE("Units that are malformed or on offer already are refused") {
  RolloutBroker broker;
  const CheckpointBytes policy = test::make_policy(1);
  auto units = test::make_units(2, 0, 1, policy);
  units[1].unit_index = 0;
  CHECK_THROWS_AS(broker.collect(units), std::invalid_argument);
  units[1].unit_index = 1;
  units[1].prompts.clear();
  CHECK_THROWS_AS(broker.collect(units), UserError);
}

}  // namespace rlhf
