// Data-parallel runs over c10d: the same training whatever the number of processes.
#include <algorithm>
#include <cmath>
#include <iostream>

#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/strike.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Sums of some hundred float32 terms in another order differ by a few units in the last place, 6e-8 of their
// size; six updates let that grow.
constexpr double kRounding = 2e-6;

/// Twelve samples an optimizer step however many processes there are. A large epsilon keeps AdamW's update in
/// proportion to the gradient: with a small one a gradient that is nothing but rounding becomes a whole step,
/// and a gradient twice its size would go unseen.
Flags shared_batch(const std::string& stage, int processes) {
  return train_on_tiny(stage) + Flags{"--per_device_train_batch_size",
                                      std::to_string(12 / processes),
                                      "--logging_steps",
                                      "1",
                                      "--learning_rate",
                                      "1e-2",
                                      "--adam_epsilon",
                                      "1e-2"};
}

void train(const Flags& command, int processes) {
  std::vector<Program> group = start_processes(command, processes);
  wait_well(group);
}

/// Of the values that two runs logged, relative to the larger of 1 and their size.
double largest_metric_difference(const fs::path& run, const fs::path& other) {
  const std::vector<json> rows = timeless_metric_rows(run), others = timeless_metric_rows(other);
  if (rows.size() != others.size()) throw std::runtime_error("the runs logged other numbers of rows");
  double largest = 0;
  for (size_t i = 0; i < rows.size(); ++i)
    for (const auto& [name, value] : rows[i].items()) {
      // Gaps between two computations of one number are rounding themselves.
      if (!value.is_number()) throw std::runtime_error(name + " is no number");
      const double a = value, b = others[i].at(name);
      const double difference = std::abs(a - b) / std::max({1.0, std::abs(a), std::abs(b)});
      if (difference > kRounding) UNSCOPED_INFO(name << " of row " << i << ": " << a << " and " << b);
      largest = std::max(largest, difference);
    }
  return largest;
}

void check_same_training(const std::string& stage) {
  TemporaryFolder folder;
  double weights = 0, metrics = 0;
  for (const int processes : {1, 2, 3}) {
    const fs::path run = folder / std::to_string(processes);
    train(shared_batch(stage, processes) + Flags{"--max_steps", "6", "--output_dir", run}, processes);
    weights = std::max(weights, largest_weight_difference(run / "final", folder / "1" / "final"));
    metrics = std::max(metrics, largest_metric_difference(run, folder / "1"));
  }
  CHECK(metrics < kRounding);  // first: what differs was said for the next check
  CHECK(weights < kRounding);
  std::cout << stage << " by 1, 2 and 3 processes: weights differ by " << weights << ", metrics by "
            << metrics << "\n";
  // Training moved the weights by far more than they may differ.
  train(shared_batch(stage, 1) + Flags{"--max_steps", "5", "--output_dir", folder / "shorter"}, 1);
  CHECK(largest_weight_difference(folder / "shorter" / "final", folder / "1" / "final") > 20 * kRounding);
}

void check_survives_kills(const std::string& stage) {
  TemporaryFolder folder;
  const fs::path reference = folder / "reference", run = folder / "run";
  const Flags command = shared_batch(stage, 2) + Flags{"--max_steps", "50", "--save_steps", "3"};
  train(command + Flags{"--output_dir", reference}, 2);
  int victim = 1;
  for (Strike kill : seeded_strikes(stage, 2, 4, 9)) {
    kill.processes = 2;
    kill.victim = victim;
    const std::vector<RunResult> ended = strike(command, run, kill);
    CHECK(ended[static_cast<size_t>(1 - victim)].exit_code == 1);  // alone it cannot go on, and says so
    CHECK_THAT(ended[static_cast<size_t>(1 - victim)].err,
               contains("another process of this data-parallel run is gone"));
    victim = 1 - victim;
  }
  const auto kept = checkpoint_steps(run);
  REQUIRE(!kept.empty());
  train(command + Flags{"--output_dir", run}, 2);
  CHECK(final_weights(run) == final_weights(reference));
  CHECK(timeless_metric_rows(run) == timeless_metric_rows(reference));
  CHECK(tensorboard_steps(run) == tensorboard_steps(reference));
}

}  // namespace

TEST_CASE("pretrain by 1, 2 and 3 processes is one training", "[data_parallel]") {
  check_same_training("pretrain");
}
TEST_CASE("sft by 1, 2 and 3 processes is one training", "[data_parallel]") {
  check_same_training("sft");
}
TEST_CASE("reward by 1, 2 and 3 processes is one training", "[data_parallel]") {
  check_same_training("reward");
}
TEST_CASE("ppo by 1, 2 and 3 processes is one training", "[data_parallel]") {
  check_same_training("ppo");
}

TEST_CASE("two processes, one of them killed, go on to the same bits", "[data_parallel]") {
  for (const std::string& stage : trainers()) {
    INFO(stage);
    check_survives_kills(stage);
  }
}

TEST_CASE("Ctrl-C at any process stops and saves the run", "[data_parallel]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run", reference = folder / "reference";
  const Flags command = shared_batch("sft", 2) + Flags{"--max_steps", "60"};
  for (const RunResult& ended :
       strike(command, run, {.step = 7, .signal = SIGINT, .processes = 2, .victim = 1}))
    CHECK(ended.exit_code == 130);
  CHECK(checkpoint_steps(run).size() == 1);
  train(command + Flags{"--output_dir", run}, 2);
  train(command + Flags{"--output_dir", reference}, 2);
  CHECK(final_weights(run) == final_weights(reference));
}

}  // namespace rlhf::test
