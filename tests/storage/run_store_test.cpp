#include "storage/run_store.h"

#include <cmath>
#include <csignal>
#include <limits>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::Ledger;

namespace {

RunRecord run_record(const std::string& uid = "u1") {
  return {uid,
          "ppo",
          "runs/a",
          R"({"seed": 1})",
          {{"rlhf", "0.1.0"}},
          "data",
          {{"initial", "sft"}, {"reward", "rm"}}};
}

TrajectoryRecord record(int32_t slot, int32_t sample) {
  TrajectoryRecord r;
  r.trajectory = {7,   slot, sample, 40 + slot, {1, 2, 3}, {4, 5}, {-0.5f, -0.25f}, FinishReason::kLength,
                  1.5, 0.5,  0.1,    8,         "policy"};
  r.prompt_text = "prompt " + std::to_string(slot);
  r.response_text = "response";
  r.policy_logprobs = {-0.5f, -0.125f};
  r.reference_logprobs = {-1.0f, -2.0f};
  r.rewards = {0.1f, 0.2f};
  r.values = {0.3f, 0.4f};
  r.advantages = {0.5f, 0.6f};
  r.kl = 2.375;
  r.beta = 0.15;
  return r;
}

}  // namespace

TEST_CASE("a run is known by its uid and ends with the model it made") {
  Ledger ledger;
  const int64_t run = open_run(ledger.database, run_record());
  CHECK(open_run(ledger.database, run_record()) == run);
  CHECK(open_run(ledger.database, run_record("u2")) != run);
  CHECK_FALSE(run_that_made(ledger.database, "out"));
  finish_run(ledger.database, run,
             {"out", "policy", "ppo", "tok", "{}", "runs/a/final", {{"initial", "sft"}}});
  CHECK(run_that_made(ledger.database, "out") == run);
  CHECK(ledger.count("SELECT COUNT(*) FROM run_models WHERE run_id = 1") == 3);
}

TEST_CASE("lineage goes from a policy to everything it was made from") {
  Ledger ledger;
  register_model(ledger.database,
                 {"ppo", "policy", "ppo", "tok", "", "", {{"initial", "sft"}, {"reward", "rm"}}});
  register_model(ledger.database, {"rm", "reward", "reward", "tok", "", "", {{"initial", "sft"}}});
  register_model(ledger.database, {"sft", "sft", "sft", "tok", R"({"x": 1})", "here", {}});
  register_model(ledger.database, {"sft", "", "", "", "", "", {}});  // forgets nothing
  const auto chain = lineage(ledger.database, "ppo");
  REQUIRE(chain.size() == 3);
  CHECK(chain[0].parents == std::vector<ModelParent>{{"initial", "sft"}, {"reward", "rm"}});
  CHECK(chain[1] == ModelRecord{"sft", "sft", "sft", "tok", R"({"x": 1})", "here", {}});
  CHECK(chain[2].name == "reward");
  CHECK_THROWS_AS(lineage(ledger.database, "none"), UserError);
  CHECK_THROWS_AS(register_model(ledger.database, {}), UserError);
}

TEST_CASE("metrics and samples past a checkpoint are dropped, none is doubled") {
  Ledger ledger;
  const int64_t run = open_run(ledger.database, run_record());
  const int64_t other = open_run(ledger.database, run_record("u2"));
  LedgerMetrics metrics(ledger.database, run), others(ledger.database, other);
  others.log(9, {{"loss", 1.0}});
  for (int64_t step = 1; step <= 5; ++step) {
    metrics.log_sample(step, "p", "r", 0.5);
    metrics.log(step, {{"loss", 1.0 / static_cast<double>(step)}, {"objective/kl", 2.0}});
  }
  metrics.log(6, {{"loss", std::nan("")}});
  CHECK(ledger.count("SELECT COUNT(*) FROM metrics WHERE value IS NULL") == 1);
  metrics.log_sample(6, "p", "pending", 0.5);
  metrics.truncate_after(3);
  CHECK(ledger.count("SELECT COUNT(*) FROM metrics WHERE run_id = 1") == 6);
  CHECK(ledger.count("SELECT COUNT(*) FROM metrics WHERE run_id = 2") == 1);
  CHECK(ledger.count("SELECT COUNT(*) FROM samples") == 3);
  metrics.log(4, {{"loss", 0.25}});
  metrics.log(4, {{"loss", 0.25}});
  metrics.log_sample(4, "p", "r", 0.5);
  CHECK(ledger.count("SELECT COUNT(*) FROM samples") == 3);
  metrics.flush();
  CHECK(ledger.count("SELECT COUNT(*) FROM samples") == 4);
  CHECK(ledger.count("SELECT COUNT(*) FROM metrics WHERE run_id = 1") == 7);
}

TEST_CASE("a trajectory comes back with every token's numbers") {
  Ledger ledger;
  ImportRecord prompt;
  prompt.content = Prompt{"prompt 1", {}};
  test::import(ledger.database, {prompt});
  const int64_t run = open_run(ledger.database, run_record());
  LedgerTrajectories sink(ledger.database, run);
  sink.append(7, {record(0, 0), record(0, 1), record(1, 0)});
  std::vector<StoredTrajectory> read;
  for_each_trajectory(ledger.database, run, 7, 7,
                      [&](const StoredTrajectory& each) { read.push_back(each); });
  REQUIRE(read.size() == 3);
  const TrajectoryRecord expected = record(0, 1);
  CHECK(read[1].record.trajectory == expected.trajectory);
  CHECK(read[1].record.response_text == expected.response_text);
  CHECK(read[1].record.policy_logprobs == expected.policy_logprobs);
  CHECK(read[1].record.reference_logprobs == expected.reference_logprobs);
  CHECK(read[1].record.rewards == expected.rewards);
  CHECK(read[1].record.values == expected.values);
  CHECK(read[1].record.advantages == expected.advantages);
  CHECK(read[1].record.kl == expected.kl);
  CHECK(read[1].record.beta == expected.beta);
  CHECK(ledger.count("SELECT prompt_id FROM trajectories WHERE prompt_slot = 1") == 1);
  CHECK(read_trajectory(ledger.database, read[2].id)->record.prompt_text == "prompt 1");
  CHECK_FALSE(read_trajectory(ledger.database, 99));
  CHECK_THROWS_AS(sink.append(7, {record(1, 0)}), WorldError);  // doubled
}

TEST_CASE("per-token numbers can be left out, and steps past a checkpoint dropped with them") {
  Ledger ledger;
  const int64_t run = open_run(ledger.database, run_record());
  LedgerTrajectories brief(ledger.database, run, false);
  brief.append(1, {record(0, 0)});
  LedgerTrajectories sink(ledger.database, run);
  for (int64_t step = 2; step <= 5; ++step) sink.append(step, {record(0, 0), record(0, 1)});
  CHECK(read_trajectory(ledger.database, 1)->record.trajectory.response_ids.empty());
  CHECK(ledger.count("SELECT COUNT(*) FROM trajectory_tokens") == 8);
  sink.truncate_after(3);
  CHECK(ledger.count("SELECT COUNT(*) FROM trajectories") == 5);
  CHECK(ledger.count("SELECT COUNT(*) FROM trajectory_tokens") == 4);
}

TEST_CASE("a writer killed mid-append leaves whole steps") {
  test::TemporaryFolder folder;
  const auto file = folder / "x.db";
  { Database made(file); }
  for (int round = 0; round < 4; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      Database database(file);
      const int64_t run = open_run(database, run_record("r" + std::to_string(round)));
      LedgerTrajectories sink(database, run);
      LedgerMetrics metrics(database, run);
      std::vector<TrajectoryRecord> records;
      for (int32_t slot = 0; slot < 64; ++slot) records.push_back(record(slot, 0));
      for (int64_t step = 1;; ++step) {
        sink.append(step, records);
        metrics.log(step, {{"objective/kl", 1.0}});
      }
    }
    usleep(static_cast<useconds_t>(60000 + 30000 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    SQLite::Database db(file, SQLite::OPEN_READWRITE);
    CHECK(db.execAndGet("PRAGMA integrity_check").getString() == "ok");
    CHECK(
        db.execAndGet(
              "SELECT COUNT(*) FROM (SELECT 1 FROM trajectories GROUP BY run_id, step HAVING COUNT(*) <> 64)")
            .getInt() == 0);
    CHECK(db.execAndGet("SELECT COUNT(*) FROM trajectories").getInt64() ==
          db.execAndGet("SELECT COUNT(*) FROM trajectory_tokens").getInt64());
  }
}
