// Exact resume: a run that was killed or stopped, at whatever moment, and gone on with by the same command
// ends with the bits of one that nobody disturbed.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>
#include <regex>
#include <sstream>
#include <thread>

#include "tests/end_to_end/ledger_rows.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/strike.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kSteps = 40, kSaveSteps = 4;

/// A run with everything that a resume has to bring back: meters between two logged rows, evaluation,
/// dropout, a schedule, and for PPO a controller, samples and a ledger.
Flags long_run(const std::string& stage) {
  Flags flags = train_on_tiny(stage) + Flags{"--max_steps",         std::to_string(kSteps),
                                             "--save_steps",        std::to_string(kSaveSteps),
                                             "--eval_steps",        "10",
                                             "--warmup_steps",      "5",
                                             "--lr_scheduler_type", "cosine"};
  if (stage == "ppo")
    return flags + Flags{"--kl_target", "0.5", "--kl_horizon", "100", "--eval_dataset", tiny().prompts};
  const size_t data =
      static_cast<size_t>(std::find(flags.begin(), flags.end(), "--dataset") - flags.begin()) + 1;
  return flags + Flags{"--logging_steps",
                       "3",
                       "--dropout",
                       "0.1",
                       "--gradient_accumulation_steps",
                       "2",
                       "--per_device_train_batch_size",
                       "4",
                       "--eval_dataset",
                       flags[data]};
}

/// metrics.jsonl up to `step`, to the byte: its times tell that nothing was computed again.
std::string metrics_until(const fs::path& run, int64_t step) {
  std::string kept;
  std::istringstream lines(read_file(run / "metrics.jsonl"));
  for (std::string line; std::getline(lines, line) && !lines.eof();)
    if (json::parse(line)["step"].get<int64_t>() <= step) kept += line + "\n";
  return kept;
}

void check_same_run(const fs::path& run, const fs::path& reference) {
  CHECK(final_weights(run) == final_weights(reference));
  CHECK(timeless_metric_rows(run) == timeless_metric_rows(reference));
  CHECK(tensorboard_steps(run) == tensorboard_steps(reference));
  CHECK(read_file(run / "samples.jsonl") == read_file(reference / "samples.jsonl"));
  CHECK(checkpoint_steps(run) == std::vector<int64_t>{kSteps - kSaveSteps, kSteps});
  CHECK(fs::exists(run / "ledger.db") == fs::exists(reference / "ledger.db"));
  if (!fs::exists(run / "ledger.db")) return;
  CHECK(trajectory_rows(run / "ledger.db") == trajectory_rows(reference / "ledger.db"));
  CHECK(ledger_metric_rows(run / "ledger.db") == ledger_metric_rows(reference / "ledger.db"));
}

void check_survives_kills(const std::string& stage) {
  TemporaryFolder folder;
  const fs::path reference = folder / "reference", run = folder / "run";
  const Flags command = long_run(stage);
  run_well(command + Flags{"--output_dir", reference});

  strike(command, run, {.step = 0});  // perhaps before there is a checkpoint
  int64_t resumed_from = -1;
  for (const Strike& kill : seeded_strikes(stage, 5, kSaveSteps + 1, 6)) {
    strike(command, run, kill);
    REQUIRE(!checkpoint_steps(run).empty());
    CHECK(checkpoint_steps(run).back() >= resumed_from);
    resumed_from = checkpoint_steps(run).back();
  }
  const std::string kept = metrics_until(run, resumed_from);
  const RunResult last = run_well(command + Flags{"--output_dir", run});
  CHECK(last.err.find("Going on from " + (run / ("checkpoint-" + std::to_string(resumed_from))).string()) !=
        std::string::npos);
  CHECK(read_file(run / "metrics.jsonl").starts_with(kept));
  check_same_run(run, reference);

  const auto untouched = snapshot(run);
  const RunResult again = run_well(command + Flags{"--output_dir", run});
  CHECK_THAT(again.err, contains("This run is complete"));
  CHECK(snapshot(run) == untouched);
}

}  // namespace

TEST_CASE("pretrain killed at any moment ends with the same bits", "[resume]") {
  check_survives_kills("pretrain");
}
TEST_CASE("sft killed at any moment ends with the same bits", "[resume]") {
  check_survives_kills("sft");
}
TEST_CASE("reward killed at any moment ends with the same bits", "[resume]") {
  check_survives_kills("reward");
}
TEST_CASE("ppo killed at any moment ends with the same bits", "[resume]") {
  check_survives_kills("ppo");
}

TEST_CASE("Ctrl-C saves, says how to go on, and going on ends with the same bits", "[resume]") {
  for (const std::string& stage : trainers()) {
    INFO(stage);
    TemporaryFolder folder;
    const fs::path reference = folder / "reference", run = folder / "run";
    const Flags command = long_run(stage);
    run_well(command + Flags{"--output_dir", reference});
    const RunResult stopped = strike(command, run, {.step = 9, .signal = SIGINT}).front();
    CHECK(stopped.exit_code == 130);
    REQUIRE(!checkpoint_steps(run).empty());
    const std::string step = std::to_string(checkpoint_steps(run).back());
    CHECK_THAT(stopped.err, contains("stopped after step " + step + ", which is saved"));
    CHECK_THAT(stopped.err, contains("the same command"));
    run_well(command + Flags{"--output_dir", run});
    check_same_run(run, reference);
  }
}

TEST_CASE("going on from an earlier checkpoint, named or left over, ends with the same bits", "[resume]") {
  TemporaryFolder folder;
  const fs::path reference = folder / "reference";
  const Flags command = long_run("sft");
  run_well(command + Flags{"--output_dir", reference});
  const auto stopped_run = [&](const std::string& name) {
    strike(command, folder / name, {.step = 21, .signal = SIGINT});
    return folder / name;
  };
  const auto newest = [](const fs::path& run, int64_t back) {
    const std::vector<int64_t> steps = checkpoint_steps(run);
    return run / ("checkpoint-" + std::to_string(*(steps.end() - back)));
  };
  SECTION("named") {
    const fs::path run = stopped_run("named");
    run_well(command + Flags{"--output_dir", run, "--resume_from_checkpoint", newest(run, 2)});
    check_same_run(run, reference);
  }
  SECTION("the newest lacks a file") {
    const fs::path run = stopped_run("torn");
    fs::remove(newest(run, 1) / "optimizer.safetensors");
    const RunResult result = run_well(command + Flags{"--output_dir", run});
    CHECK_THAT(result.err, contains("optimizer.safetensors"));
    check_same_run(run, reference);
  }
  SECTION("the newest is damaged: said, not used") {
    const fs::path run = stopped_run("damaged"), weights = newest(run, 1) / "model.safetensors";
    std::string bytes = read_file(weights);
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    write_file(weights, bytes);
    const auto before = snapshot(run);
    const RunResult result = test::run(command + Flags{"--output_dir", run});
    CHECK(result.exit_code == 2);
    CHECK_THAT(result.err, contains(weights.string()));
    CHECK(snapshot(run) == before);
  }
}

TEST_CASE("a run that was squeezed into little memory goes on in the same micro-batches", "[resume]") {
  TemporaryFolder folder;
  const Flags wide = train_on_tiny("sft") + Flags{"--per_device_train_batch_size",
                                                  "512",
                                                  "--max_steps",
                                                  "12",
                                                  "--save_steps",
                                                  "3",
                                                  "--logging_steps",
                                                  "1"};
  const RunResult roomy = run_well(wide + Flags{"--output_dir", folder / "roomy"});
  std::smatch planned;
  REQUIRE(std::regex_search(roomy.err, planned, std::regex("Memory: ([0-9]+) MB planned")));
  const auto limit = [&](int64_t less) {
    return Flags{"--memory_limit", std::to_string(std::stoll(planned[1]) - less) + "MB"};
  };
  const fs::path reference = folder / "reference", run = folder / "run";
  CHECK_THAT(run_well(wide + limit(2) + Flags{"--output_dir", reference}).err, contains("instead of 512"));
  strike(wide + limit(2), run, {.step = 5, .signal = SIGINT});

  const auto before = snapshot(run);
  const RunResult refused = test::run(wide + limit(100) + Flags{"--output_dir", run});
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, contains("keeps its micro-batches"));
  CHECK(snapshot(run) == before);

  run_well(wide + Flags{"--output_dir", run});  // there is room again
  CHECK(final_weights(run) == final_weights(reference));
  CHECK(final_weights(run) != final_weights(folder / "roomy"));  // by rounding: the size is what it was
  CHECK(timeless_metric_rows(run) == timeless_metric_rows(reference));
}

TEST_CASE("--save_total_limit says how many checkpoints stay", "[resume]") {
  TemporaryFolder folder;
  const Flags command = train_on_tiny("sft") + Flags{"--max_steps", "5", "--save_steps", "1"};
  const std::vector<std::pair<std::string, std::vector<int64_t>>> kept = {
      {"0", {1, 2, 3, 4, 5}}, {"1", {5}}, {"3", {3, 4, 5}}};
  for (const auto& [limit, steps] : kept) {
    run_well(command + Flags{"--save_total_limit", limit, "--output_dir", folder / limit});
    CHECK(checkpoint_steps(folder / limit) == steps);
  }
  run_well(command + Flags{"--output_dir", folder / "default"});
  CHECK(checkpoint_steps(folder / "default") == std::vector<int64_t>{4, 5});
}

}  // namespace rlhf::test
