#include "ppo/trainer.h"

#include <filesystem>
#include <fstream>

#include <torch/utils.h>

#include "contract/error.h"
#include "tests/ppo/episodes.h"
#include "tests/ppo/thread_collective.h"
#include "tests/ppo/tiny_run.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// Runs `steps` iterations from the start and returns the rows.
std::vector<Metrics> run(TinyRun& tiny, int64_t steps) {
  std::vector<Metrics> rows;
  for (int64_t i = 0; i < steps; ++i) rows.push_back(tiny.trainer().step(i).latest);
  return rows;
}

Collective& alone_in_the_world() {
  static const auto collective = Collective::single();
  return *collective;
}

class KeepRows : public MetricSink {
 public:
  void log(int64_t step, const Metrics& metrics) override { rows.emplace_back(step, metrics); }
  void log_sample(int64_t, const std::string&, const std::string&, double) override { ++samples; }
  void truncate_after(int64_t) override {}
  void flush() override {}
  std::vector<std::pair<int64_t, Metrics>> rows;
  int samples = 0;
};

class PlainFolders : public CheckpointSaver {
 public:
  explicit PlainFolders(std::filesystem::path root) : root_(std::move(root)) {}
  void save(int64_t step, const std::function<void(const std::filesystem::path&)>& write_files) override {
    const auto folder = root_ / ("checkpoint-" + std::to_string(step));
    std::filesystem::create_directories(folder);
    write_files(folder);
  }

 private:
  std::filesystem::path root_;
};

}  // namespace

TEST_CASE("before the first update KL is zero and the ratio is one") {
  TinyRun tiny(TinyRun::options(), torch::kFloat32, alone_in_the_world());
  const auto row = run(tiny, 1).front();
  CHECK(value_of(row, "objective/kl") == 0.0);
  CHECK(value_of(row, "policy/first_ratio_gap") <= 1e-5);
  CHECK(value_of(row, "rollout/logprob_gap_max") <= 1e-4);
  CHECK(value_of(row, "policy/epochs") == 2.0);
}

TEST_CASE("the policy learns to say what the reward asks for") {
  auto options = TinyRun::options();
  options.training.learning_rate = 1e-2;
  options.training.max_steps = 30;
  options.kl = {0.01, {}, 10000};
  TinyRun tiny(options, torch::kFloat32, alone_in_the_world());
  const auto rows = run(tiny, 30);
  double first = 0, last = 0;
  for (size_t i = 0; i < 5; ++i) {
    first += value_of(rows[i], "objective/scores") / 5;
    last += value_of(rows[rows.size() - 1 - i], "objective/scores") / 5;
  }
  INFO("mean score of the first five iterations " << first << ", of the last five " << last);
  CHECK(last > first + 0.75);
  CHECK(value_of(rows.back(), "objective/kl") > 0.1);
}

TEST_CASE("the micro-batch size changes nothing but rounding") {
  torch::Tensor weights;
  for (int64_t size : {8, 1, 3}) {
    auto options = TinyRun::options();
    options.training.per_device_train_batch_size = size;
    TinyRun tiny(options, torch::kFloat64, alone_in_the_world());
    run(tiny, 3);
    if (weights.defined()) {
      CHECK(largest_difference(tiny.weights(), weights) < 1e-9);
    }
    weights = tiny.weights();
  }
}

TEST_CASE("one, two and three processes learn the same from the same rollouts") {
  TinyRun single(TinyRun::options(), torch::kFloat64, alone_in_the_world());
  const auto row = run(single, 3).back();
  for (int64_t processes : {2, 3}) {
    std::vector<torch::Tensor> weights(static_cast<size_t>(processes));
    std::vector<Metrics> rows(static_cast<size_t>(processes));
    run_processes(processes, [&](Collective& collective) {
      TinyRun tiny(TinyRun::options(), torch::kFloat64, collective);
      rows[static_cast<size_t>(collective.rank())] = run(tiny, 3).back();
      weights[static_cast<size_t>(collective.rank())] = tiny.weights();
    });
    for (size_t r = 0; r < weights.size(); ++r) {
      CHECK(torch::equal(weights[r], weights[0]));
      CHECK(largest_difference(weights[r], single.weights()) < 1e-9);
      for (const auto& [name, value] : row) {
        if (name.starts_with("timing/") || name.ends_with("_per_second")) continue;
        INFO(name);
        CHECK(value_of(rows[r], name) == Approx(value).epsilon(1e-8).margin(1e-9));
      }
    }
  }
}

TEST_CASE("a run resumed from a checkpoint ends with the same bits") {
  auto options = TinyRun::options();
  options.training.save_steps = 2;
  TinyRun whole(options, torch::kFloat32, alone_in_the_world());
  run(whole, 4);

  test::TemporaryFolder folder;
  PlainFolders saver(folder.path());
  KeepRows rows;
  {
    TinyRun first(options, torch::kFloat32, alone_in_the_world());
    int polls = 0;
    TrainerState state;
    const TrainingSurroundings around{saver, rows, alone_in_the_world(), {}, [&] { return ++polls == 2; }};
    const auto save = [&](const std::filesystem::path& where) {
      write_safetensors(where / "policy.safetensors", first.policy().parameters());
    };
    CHECK_THROWS_AS(first.trainer().train(state, around, save), Interrupted);
  }
  const auto checkpoint = folder.path() / "checkpoint-2";
  TinyRun second(options, torch::kFloat32, alone_in_the_world());
  {
    const torch::NoGradGuard no_grad;
    const auto file = SafetensorsFile::open(checkpoint / "policy.safetensors");
    for (auto parameter : second.policy().parameters()) parameter.tensor.copy_(file.tensor(parameter.name));
  }
  TrainerState state = TrainerState::load(checkpoint);
  second.trainer().resume(checkpoint, state);
  const TrainingSurroundings around{saver, rows, alone_in_the_world(), {}, [] { return false; }};
  second.trainer().train(state, around, [](const std::filesystem::path&) {});
  CHECK(torch::equal(second.weights(), whole.weights()));
  CHECK(second.trainer().beta() == whole.trainer().beta());
  CHECK(state.global_step == 4);
  CHECK(rows.samples == 16);
}

TEST_CASE("updates end when the policy has moved too far") {
  auto options = TinyRun::options();
  options.num_ppo_epochs = 8;
  options.training.learning_rate = 3e-2;
  options.max_approx_kl = 0.05;
  TinyRun tiny(options, torch::kFloat32, alone_in_the_world());
  const auto row = run(tiny, 1).front();
  CHECK(value_of(row, "policy/epochs") >= 0.5);
  CHECK(value_of(row, "policy/epochs") < 8.0);
  CHECK(value_of(row, "policy/approxkl_avg") <= 0.05);
}

TEST_CASE("records hold what the learner used, token by token") {
  const auto options = TinyRun::options();
  TinyRun tiny(options, torch::kFloat32, alone_in_the_world());
  run(tiny, 2);
  const auto& kept = tiny.records().kept;
  REQUIRE(kept.size() == 16);
  CHECK(kept.front().first == 1);
  CHECK(kept.back().first == 2);
  CHECK(kept.front().second.beta == options.kl.kl_coef);
  for (const auto& [step, record] : kept) {
    const auto count = record.trajectory.response_ids.size();
    CHECK(record.policy_logprobs.size() == count);
    CHECK(record.reference_logprobs.size() == count);
    CHECK(record.rewards.size() == count);
    CHECK(record.values.size() == count);
    CHECK(record.advantages.size() == count);
    double kl = 0, total = 0;
    for (size_t t = 0; t < count; ++t) {
      kl += record.policy_logprobs[t] - record.reference_logprobs[t];
      total += record.rewards[t];
    }
    const bool ended = record.trajectory.finish_reason == FinishReason::kStop;
    CHECK(record.kl == Approx(kl).margin(1e-5));
    CHECK(total == Approx(-record.beta * kl + (ended ? record.trajectory.score : -1.0)).margin(1e-5));
  }
}

TEST_CASE("records that cannot be written end the step that they are of") {
  TinyRun tiny(TinyRun::options(), torch::kFloat32, alone_in_the_world());
  tiny.records().disk_is_full = true;
  CHECK_THROWS_WITH(tiny.trainer().step(0), "the disk is full");
  CHECK(tiny.records().kept.empty());
}

TEST_CASE("evaluation draws the same responses while the policy stands still") {
  TinyRun tiny(TinyRun::options(), torch::kFloat32, alone_in_the_world());
  const auto before = tiny.trainer().evaluate(0);
  CHECK(tiny.trainer().evaluate(0) == before);
  CHECK(value_of(before, "objective/kl") == 0.0);
  run(tiny, 1);
  CHECK(tiny.trainer().evaluate(1) != before);
}

TEST_CASE("every named convention trains") {
  for (const auto& name : convention_names()) {
    auto options = TinyRun::options();
    options.convention = convention_named(name);
    TinyRun tiny(options, torch::kFloat64, alone_in_the_world());
    const auto row = run(tiny, 2).back();
    INFO(name);
    CHECK(value_of(row, "skipped_steps") == 0);
    CHECK(std::isfinite(value_of(row, "loss/policy_avg")));
  }
}

TEST_CASE("options that make no sense are refused by name") {
  const auto refused = [](const std::function<void(PpoOptions&)>& spoil) {
    auto options = TinyRun::options();
    spoil(options);
    CHECK_THROWS_AS(options.check(), UserError);
  };
  refused([](PpoOptions& o) { o.temperature = 0; });
  refused([](PpoOptions& o) { o.num_mini_batches = 9; });
  refused([](PpoOptions& o) { o.convention.lambda = 1.5; });
  refused([](PpoOptions& o) { o.training.dropout = 0.1; });
  refused([](PpoOptions& o) { o.rewards.missing_eos_penalty = 1; });
  CHECK_NOTHROW(TinyRun::options().check());
}
