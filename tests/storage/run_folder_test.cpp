#include "storage/run_folder.h"

#include <optional>
#include <set>

#include "contract/error.h"
#include "storage/atomic_folder.h"
#include "storage/checkpoint_directory.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

RunIdentity identity(const std::string& configuration = R"({"learning_rate": 0.001, "max_steps": 10})") {
  return {"sft", configuration, {"parent"}, "data"};
}

void save_checkpoint(const fs::path& run, int64_t step) {
  CheckpointDirectory(run, {"sft", "", {}}).save(step, [](const fs::path& folder) {
    write_file_durably(folder / "config.json", "{}");
  });
}

/// Everything in the folder: names, bytes and times.
std::map<std::string, std::string> state_of(const fs::path& folder) {
  std::map<std::string, std::string> state;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    state[entry.path().string()] = std::to_string(entry.last_write_time().time_since_epoch().count()) +
                                   (entry.is_regular_file() ? test::read_file(entry.path()) : std::string());
  return state;
}

}  // namespace

TEST_CASE("a new run starts from nothing and goes on from its newest checkpoint") {
  test::TemporaryFolder root;
  const fs::path folder = root / "runs/a";
  {
    RunFolder run(folder, identity());
    CHECK_FALSE(run.finished());
    CHECK_FALSE(run.resume_from());
    run.begin({{"rlhf", "0.1.0"}});
    save_checkpoint(folder, 4);
  }
  RunFolder run(folder, identity(R"({"max_steps": 10, "learning_rate": 1e-3})"));
  CHECK(run.resume_from() == folder / "checkpoint-4");
  run.begin({{"rlhf", "0.2.0"}});
  CHECK(read_run_json(folder).find("0.1.0") != std::string::npos);
}

TEST_CASE("a finished run says so and nothing in its folder changes") {
  test::TemporaryFolder root;
  {
    RunFolder run(root / "a", identity());
    run.begin({});
    save_checkpoint(root / "a", 10);
    run.mark_finished(10, "hash");
  }
  const auto before = state_of(root / "a");
  CHECK(RunFolder(root / "a", identity()).finished());
  CHECK(state_of(root / "a") == before);
}

TEST_CASE("another configuration is refused with every key that differs") {
  test::TemporaryFolder root;
  RunFolder(root / "a", identity()).begin({});
  const auto before = state_of(root / "a");
  CHECK_THROWS_WITH(
      RunFolder(root / "a", identity(R"({"learning_rate": 0.002, "max_steps": 10, "seed": 1})")),
      test::contains("learning_rate: 0.001 there, 0.002 given") &&
          test::contains("seed: not set there, 1 given") && !test::contains("max_steps"));
  RunIdentity other = identity();
  other.parents = {"another"};
  other.data_hash = "more";
  CHECK_THROWS_WITH(RunFolder(root / "a", other), test::contains("parents.0") && test::contains("data_hash"));
  other = identity();
  other.stage = "ppo";
  CHECK_THROWS_AS(RunFolder(root / "a", other), UserError);
  CHECK(state_of(root / "a") == before);
}

TEST_CASE("one process at a time") {
  test::TemporaryFolder root;
  std::optional<RunFolder> first(std::in_place, root / "a", identity());
  first->begin({});
  CHECK_THROWS_WITH(RunFolder(root / "a", identity()), test::contains("in use by another process"));
  first.reset();
  CHECK_NOTHROW(RunFolder(root / "a", identity()));
}

TEST_CASE("a run that never begins leaves no folder") {
  test::TemporaryFolder root;
  { RunFolder run(root / "runs/deep/a", identity()); }
  CHECK_FALSE(fs::exists(root / "runs"));
  fs::create_directory(root / "mine");
  { RunFolder run(root / "mine", identity()); }
  CHECK(fs::exists(root / "mine"));
}

TEST_CASE("folders of other programs are refused, a folder with a log file is not") {
  test::TemporaryFolder root;
  fs::create_directories(root / "a/checkpoint-7");
  CHECK_THROWS_WITH(RunFolder(root / "a", identity()), test::contains("checkpoint-7"));
  fs::create_directory(root / "b");
  test::write_file(root / "b/log.txt", "");
  CHECK_NOTHROW(RunFolder(root / "b", identity()));
  test::write_file(root / "b/run.json", "{}");
  CHECK_THROWS_AS(RunFolder(root / "b", identity()), UserError);
  test::write_file(root / "b/run.json", "{");
  CHECK_THROWS_AS(RunFolder(root / "b", identity()), UserError);
  test::write_file(root / "c", "");
  CHECK_THROWS_AS(RunFolder(root / "c", identity()), UserError);
}

TEST_CASE("resume none refuses a folder with a run, a given checkpoint must be whole") {
  test::TemporaryFolder root;
  RunFolder(root / "a", identity(), "none").begin({});
  CHECK_THROWS_AS(RunFolder(root / "a", identity(), "none"), UserError);
  save_checkpoint(root / "a", 4);
  save_checkpoint(root / "a", 8);
  const fs::path four = root / "a/checkpoint-4";
  CHECK(RunFolder(root / "a", identity(), four.string()).resume_from() == four);
  fs::remove(four / "config.json");
  CHECK_THROWS_WITH(RunFolder(root / "a", identity(), four.string()),
                    test::contains("config.json is missing"));
  CHECK_THROWS_AS(RunFolder(root / "a", identity(), (root / "absent").string()), UserError);
}
