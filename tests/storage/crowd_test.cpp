// Many processes read and write one ledger at once, and a disk that fills up under it.
#include <cerrno>
#include <functional>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "storage/annotation_store.h"
#include "storage/ledger_check.h"
#include "storage/ledger_records.h"
#include "storage/response_store.h"
#include "storage/run_store.h"
#include "tests/storage/failing_disk.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

constexpr int kTasks = 120, kSteps = 60;

/// A process that does this to the ledger; 0 is its exit status when all was well.
pid_t process(const fs::path& file, const std::function<void(Database&)>& work) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    Database database(file, IfAbsent::kRefuse);
    work(database);
    _exit(0);
  } catch (const std::exception&) {
    _exit(1);
  }
}

bool ended_well(pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  return status == 0;
}

Campaign make_campaign(Database& database, int tasks) {
  std::vector<AnsweredPrompt> answered;
  for (int i = 0; i < tasks; ++i)
    answered.push_back({{"task " + std::to_string(i), {}},
                        {{"a", {1}, FinishReason::kStop, 0}, {"b", {2}, FinishReason::kStop, 1}}});
  store_responses(database, {"policy", {}, "rlhf", 1}, answered);
  AnnotationStore store(database);
  Campaign wanted;
  wanted.name = "c";
  wanted.k = 2;
  const Campaign campaign = store.open_campaign(wanted);
  store.add_tasks(campaign.id, store.tasks_from_samples(campaign, "all", "policy"));
  return campaign;
}

void annotate(Database& database, const Campaign& campaign, const std::string& name) {
  AnnotationStore store(database);
  const int64_t who = store.annotator(name, "human");
  while (const auto task = store.next_task(campaign.id, who)) {
    store.save_draft(who, task->annotation_id, {{1, {}}, "half", {}});
    store.submit(who, task->annotation_id, {{1, 2}, "whole", {}});
  }
}

std::vector<ImportRecord> pairs(const std::string& name, int count) {
  std::vector<ImportRecord> records;
  for (int i = 0; i < count; ++i)
    records.push_back(test::ranking(name + " " + std::to_string(i), {"good", "bad"}, {1, 2}));
  return records;
}

TrajectoryRecord trajectory() {
  TrajectoryRecord record;
  record.trajectory.prompt_ids = {1};
  record.trajectory.response_ids = {2};
  record.trajectory.logprobs = record.policy_logprobs = record.reference_logprobs = {-1};
  record.rewards = record.values = record.advantages = {0};
  return record;
}

void train(Database& database, const std::string& uid) {
  const int64_t run = open_run(database, {uid, "ppo", "runs", "{}", {}, "data", {}});
  LedgerMetrics metrics(database, run);
  LedgerTrajectories trajectories(database, run);
  for (int step = 1; step <= kSteps; ++step) {
    metrics.log(step, {{"loss", 1.0}, {"kl", 2.0}});
    trajectories.append(step, {trajectory()});
  }
}

/// Whatever others are at, one moment is seen: whole batches, every label with its ranks.
void read_again_and_again(Database& database) {
  LedgerSelection all;
  all.split = "all";
  std::size_t before = 0;
  for (int i = 0; i < 25; ++i) {
    const std::size_t now = LedgerPreferences(database, all).rankings().size();
    if (now < before) throw std::runtime_error("labels have gone");
    before = now;
    if (!verify_ledger(database).problems.empty()) throw std::runtime_error("the ledger does not verify");
  }
}

}  // namespace

TEST_CASE("people, imports, training and readers, each a process, share a ledger") {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "x.db";
  Campaign campaign;
  {
    Database made(file);
    campaign = make_campaign(made, kTasks);
  }
  std::vector<pid_t> crowd;
  for (const std::string name : {"ann", "bob", "cid"})
    crowd.push_back(process(file, [&](Database& database) { annotate(database, campaign, name); }));
  for (const std::string name : {"one", "two"}) {
    crowd.push_back(process(file, [&](Database& database) {
      for (int i = 0; i < 10; ++i)
        test::import(database, pairs(name + std::to_string(i), 100), name + std::to_string(i));
    }));
    crowd.push_back(process(file, [&](Database& database) { train(database, name); }));
    crowd.push_back(process(file, read_again_and_again));
  }
  for (const pid_t member : crowd) CHECK(ended_well(member));
  Database database(file, IfAbsent::kRefuse);
  const LedgerCheck check = verify_ledger(database);
  CHECK(check.problems.empty());
  CHECK(check.trajectories == 2 * kSteps);
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  CHECK(db.execAndGet("SELECT COUNT(*) FROM annotations WHERE import_key IS NOT NULL").getInt() == 2000);
  CHECK(db.execAndGet("SELECT COUNT(*) FROM annotations WHERE status = 'submitted' AND task_id IS NOT NULL")
            .getInt() == kTasks);
  CHECK(
      db.execAndGet("SELECT COUNT(DISTINCT task_id) FROM annotations WHERE status = 'submitted'").getInt() ==
      kTasks);
  CHECK(db.execAndGet("SELECT COUNT(*) FROM metrics").getInt() == 2 * 2 * kSteps);
}

TEST_CASE(
    "a disk that is full at whatever write takes no half of an answer, and none that was acknowledged") {
  int failed = 0;
  for (int writes = 0; writes < 40; ++writes) {
    INFO("after " << writes << " writes");
    test::Ledger ledger;
    const Campaign campaign = make_campaign(ledger.database, 3);
    AnnotationStore store(ledger.database);
    const int64_t who = store.annotator("ann", "human");
    const AnnotationTask task = store.next_task(campaign.id, who).value();
    bool acknowledged = false;
    try {
      const test::FailingDisk full(test::FailingDisk::Call::kWrite, ENOSPC, writes);
      store.submit(who, task.annotation_id, {{1, 2}, "", {}});
      acknowledged = true;
    } catch (const WorldError&) {
      ++failed;
    }
    const auto submitted = [&] {
      return ledger.count("SELECT COUNT(*) FROM annotations WHERE status = 'submitted'");
    };
    CHECK(verify_ledger(ledger.database).problems.empty());
    CHECK(submitted() == (acknowledged ? 1 : 0));
    store.submit(who, task.annotation_id, {{1, 2}, "", {}});  // sent again, once there is room
    CHECK(submitted() == 1);
    if (acknowledged && writes > 10) break;
  }
  CHECK(failed > 0);
}

TEST_CASE("a disk that is full leaves whole steps of a run, and the run goes on when there is room") {
  test::Ledger ledger;
  const int64_t run = open_run(ledger.database, {"u", "ppo", "runs", "{}", {}, "data", {}});
  LedgerMetrics metrics(ledger.database, run);
  LedgerTrajectories trajectories(ledger.database, run);
  int64_t step = 0;
  for (int writes = 0; writes < 24; ++writes) {
    {
      const test::FailingDisk full(test::FailingDisk::Call::kWrite, ENOSPC, writes);
      try {
        for (int i = 0; i < 20; ++i) {
          trajectories.append(step + 1, {trajectory(), [] {
                                           TrajectoryRecord second = trajectory();
                                           second.trajectory.sample_index = 1;
                                           return second;
                                         }()});
          ++step;
          metrics.log(step, {{"loss", 1.0}});
        }
        FAIL_CHECK("the disk was not full");
      } catch (const WorldError&) {
      }
    }
    CHECK(ledger.count("SELECT COUNT(*) FROM trajectories") == 2 * step);
    CHECK(ledger.count("SELECT COUNT(*) FROM trajectory_tokens") == 2 * step);
    CHECK(verify_ledger(ledger.database).problems.empty());
  }
}
