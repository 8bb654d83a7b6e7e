// Rollouts by worker processes: the bits of a run do not tell who computed them.
#include <chrono>
#include <csignal>
#include <thread>

#include "tests/end_to_end/ledger_rows.h"
#include "tests/end_to_end/ports.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;

/// A run that spends its time generating, in eight units an iteration.
const Flags& ppo() {
  // So many steps that a worker which comes late, or dials again, finds the run still going on.
  static const Flags kCommand =
      train_on_tiny("ppo") + Flags{"--rollout_batch_size", "48", "--rollout_unit_size", "6",
                                   "--response_length",    "24", "--num_ppo_epochs",    "1",
                                   "--max_steps",          "60", "--save_steps",        "3",
                                   "--lease_seconds",      "1"};
  return kCommand;
}

/// The same run without workers.
const fs::path& in_process() {
  static const TemporaryFolder folder;
  static const fs::path run = [] {
    run_well(ppo() + Flags{"--output_dir", folder / "run"});
    return folder / "run";
  }();
  return run;
}

void check_same_run(const fs::path& run) {
  CHECK(final_weights(run) == final_weights(in_process()));
  CHECK(timeless_metric_rows(run) == timeless_metric_rows(in_process()));
  CHECK(trajectory_rows(run / "ledger.db") == trajectory_rows(in_process() / "ledger.db"));
}

Program start_learner(const fs::path& run, const std::string& address = "127.0.0.1:0") {
  return Program(ppo() + Flags{"--output_dir", run, "--listen", address});
}

Program start_worker(const std::string& address, const std::string& name, const std::string& threads = "1") {
  RunOptions options;
  options.environment = {{"OMP_NUM_THREADS", threads}};
  return Program({"rollout", "--learner", "grpc://" + address, "--name", name}, options);
}

void wait_for_step(Program& learner, const fs::path& run, int64_t step) {
  while (learner.running() && last_logged_step(run) < step)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// Stops the worker, and waits until the learner has trained on what it has and given it another unit.
void freeze(Program& worker) {
  worker.send(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
}

/// What the learner said of a worker when it was done.
bool lost_a_lease(const RunResult& learner, const std::string& name) {
  const size_t begin = learner.err.find("worker " + name + ": ");
  const std::string line = learner.err.substr(begin, learner.err.find('\n', begin) - begin);
  return line.find("lost") != std::string::npos;
}

}  // namespace

TEST_CASE("one worker makes the bits of the in-process run, whatever its default of threads",
          "[rollout_workers]") {
  TemporaryFolder folder;
  Program learner = start_learner(folder / "run");
  Program worker = start_worker(learner.listening(), "alone", "4");
  const RunResult ended = learner.wait();
  INFO(ended.err);
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.err, contains("worker alone: 480 units, 2880 trajectories"));
  CHECK(worker.wait().exit_code == 0);
  check_same_run(folder / "run");
}

TEST_CASE("the learner computes along with its workers when asked to", "[rollout_workers]") {
  TemporaryFolder folder;
  Program learner(ppo() +
                  Flags{"--output_dir", folder / "run", "--listen", "127.0.0.1:0", "--local_rollouts"});
  Program worker = start_worker(learner.listening(), "helper");
  CHECK(learner.wait().exit_code == 0);
  CHECK(worker.wait().exit_code == 0);
  check_same_run(folder / "run");
}

TEST_CASE("three workers, one killed in its lease and one frozen past it, make the same bits",
          "[rollout_workers]") {
  // Every attempt must give the same bits. A worker that is the only one holds a lease, but for the instant
  // between two: an attempt that struck there is made again.
  for (bool both_lost_a_lease = false; !both_lost_a_lease;) {
    TemporaryFolder folder;
    const fs::path run = folder / "run";
    Program learner = start_learner(run);
    const std::string address = learner.listening();
    Program killed = start_worker(address, "killed");
    wait_for_step(learner, run, 2);
    freeze(killed);
    killed.send(SIGKILL);
    Program frozen = start_worker(address, "frozen", "2");
    wait_for_step(learner, run, 4);
    freeze(frozen);
    Program third = start_worker(address, "third", "3"), fourth = start_worker(address, "fourth");
    wait_for_step(learner, run, 6);
    frozen.send(SIGCONT);  // what it submits now comes too late
    const RunResult ended = learner.wait();
    INFO(ended.err);
    REQUIRE(ended.exit_code == 0);
    CHECK(killed.wait().exit_code == 128 + SIGKILL);
    for (Program* worker : {&frozen, &third, &fourth}) CHECK(worker->wait().exit_code == 0);
    check_same_run(run);
    both_lost_a_lease = lost_a_lease(ended, "killed") && lost_a_lease(ended, "frozen");
  }
}

TEST_CASE("workers find their learner again when it was killed and goes on", "[rollout_workers]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run";
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  Program first = start_worker(address, "first"),
          second = start_worker(address, "second");  // before there is a learner
  Program learner = start_learner(run, address);
  wait_for_step(learner, run, 5);
  learner.send(SIGKILL);
  REQUIRE(learner.wait().exit_code == 128 + SIGKILL);
  Program again = start_learner(run, address);
  const RunResult ended = again.wait();
  INFO(ended.err);
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.err, contains("Going on from"));
  CHECK(first.wait().exit_code == 0);
  CHECK(second.wait().exit_code == 0);
  check_same_run(run);
}

}  // namespace rlhf::test
