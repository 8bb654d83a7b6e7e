#include "train/training_loop.h"

#include <cmath>
#include <fstream>
#include <map>

#include "contract/error.h"
#include "tests/ppo/thread_collective.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/surroundings.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// A trainer whose step k has loss k and a rate of 10 k.
struct CountingTrainer {
  explicit CountingTrainer(Collective& processes = *alone()) : collective(processes) {
    cadence = {.logging_steps = 3, .eval_steps = 2, .save_steps = 4};
    state.max_steps = 7;
  }

  void run(int64_t stop_after = -1) {
    TrainingSteps steps;
    steps.step = [this](int64_t index) {
      taken.push_back(index);
      const auto k = static_cast<double>(index);
      return StepReport{.averaged = {{"loss", k}}, .latest = {{"learning_rate", 10 * k}}};
    };
    steps.evaluate = [this] { return Metrics{{"loss", 100.0 + static_cast<double>(taken.size())}}; };
    steps.save = [this](const std::filesystem::path& folder) {
      std::ofstream(folder / "steps") << taken.size();
    };
    steps.epoch = [](int64_t done) { return static_cast<double>(done) / 4; };
    const TrainingSurroundings around{
        saver, metrics, collective,
        [this](int64_t step, int64_t total, const Metrics&) { shown.emplace_back(step, total); },
        [this, stop_after] { return stop_after >= 0 && static_cast<int64_t>(taken.size()) >= stop_after; }};
    run_training_loop(state, cadence, steps, around);
  }

  static Collective* alone() {
    static const auto single = Collective::single();
    return single.get();
  }

  Collective& collective;
  Cadence cadence;
  TrainerState state;
  FolderSaver saver;
  MemoryMetrics metrics;
  std::vector<int64_t> taken;
  std::vector<std::pair<int64_t, int64_t>> shown;
};

Metrics training_row(double loss, double rate, double epoch) {
  return {{"loss", loss}, {"learning_rate", rate}, {"epoch", epoch}};
}

Metrics evaluation_row(double loss, double epoch) {
  return {{"eval_loss", loss}, {"epoch", epoch}};
}

const Rows kSevenSteps{{2, evaluation_row(102, 0.5)}, {3, training_row(1, 20, 0.75)},
                       {4, evaluation_row(104, 1)},   {6, training_row(4, 50, 1.5)},
                       {6, evaluation_row(106, 1.5)}, {7, training_row(6, 60, 1.75)},
                       {7, evaluation_row(107, 1.75)}};

}  // namespace

TEST_CASE("rows, evaluations and checkpoints come at their cadence and after the last step") {
  CountingTrainer trainer;
  trainer.run();
  CHECK(trainer.taken == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(trainer.metrics.rows == kSevenSteps);
  CHECK(trainer.saver.steps == std::vector<int64_t>{4, 7});
  CHECK(trainer.metrics.flushes == 2);
  CHECK(trainer.shown.size() == 7);
  CHECK(trainer.shown.back() == std::pair<int64_t, int64_t>{7, 7});
  CHECK(trainer.state.global_step == 7);
  CHECK(trainer.state.epoch == 1.75);
  CHECK(trainer.state.log_history.size() == kSevenSteps.size());
  CHECK(trainer.state.log_history[1]["step"] == 3);
  CHECK(trainer.state.log_history[1]["loss"] == 1.0);
}

TEST_CASE("cadences of zero leave the last step alone") {
  CountingTrainer trainer;
  trainer.cadence = {.logging_steps = 100, .eval_steps = 0, .save_steps = 0};
  trainer.run();
  CHECK(trainer.metrics.rows == Rows{{7, training_row(3, 60, 1.75)}, {7, evaluation_row(107, 1.75)}});
  CHECK(trainer.saver.steps == std::vector<int64_t>{7});
}

TEST_CASE("an evaluation before the first step is that of a fresh run only") {
  CountingTrainer fresh;
  fresh.cadence.eval_at_start = true;
  fresh.run();
  REQUIRE(fresh.metrics.rows.size() == kSevenSteps.size() + 1);
  CHECK(fresh.metrics.rows[0] == std::pair<int64_t, Metrics>{0, evaluation_row(100, 0)});

  CountingTrainer resumed;
  resumed.cadence.eval_at_start = true;
  resumed.state = TrainerState::load(fresh.saver.folder_of(4));
  resumed.run();
  CHECK(resumed.metrics.rows.front().first == 6);
}

TEST_CASE("an interrupted run saves, says so, and logs the same rows once it is resumed") {
  for (const int64_t stop : {1, 2, 4, 5, 6}) {
    INFO("stopped after " << stop);
    CountingTrainer first;
    CHECK_THROWS_WITH(first.run(stop), test::contains("step " + std::to_string(stop)));
    CHECK(first.saver.steps.back() == stop);
    CHECK(first.taken.size() == static_cast<size_t>(stop));

    CountingTrainer second;
    second.state = TrainerState::load(first.saver.folder_of(stop));
    CHECK(second.state.global_step == stop);
    for (int64_t step = 0; step < stop; ++step) second.taken.push_back(step);
    second.run();
    CHECK(second.taken == std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6});
    Rows joined = first.metrics.rows;
    joined.insert(joined.end(), second.metrics.rows.begin(), second.metrics.rows.end());
    CHECK(joined == kSevenSteps);
    CHECK(second.state.log_history.size() == kSevenSteps.size());
  }
}

TEST_CASE("being asked to stop in the last step is no interruption") {
  CountingTrainer trainer;
  trainer.run(7);
  CHECK(trainer.saver.steps == std::vector<int64_t>{4, 7});
}

TEST_CASE("a finished run takes no further step") {
  CountingTrainer trainer;
  trainer.run();
  trainer.run();
  CHECK(trainer.taken.size() == 7);
}

TEST_CASE("one process that is asked to stop stops all at the same step; the first alone logs and saves") {
  std::map<int64_t, std::unique_ptr<CountingTrainer>> trainers;
  std::vector<char> interrupted(2, 0);
  std::mutex mutex;
  run_processes(2, [&](Collective& collective) {
    auto mine = std::make_unique<CountingTrainer>(collective);
    try {
      mine->run(collective.rank() == 1 ? 5 : -1);
    } catch (const Interrupted&) {
      interrupted[static_cast<size_t>(collective.rank())] = 1;
    }
    const std::lock_guard lock(mutex);
    trainers[collective.rank()] = std::move(mine);
  });
  CHECK(interrupted == std::vector<char>{1, 1});
  CHECK(trainers[0]->taken.size() == 5);
  CHECK(trainers[1]->taken.size() == 5);
  CHECK(trainers[0]->saver.steps == std::vector<int64_t>{4, 5});
  CHECK(trainers[1]->saver.steps.empty());
  CHECK(trainers[1]->metrics.rows.empty());
  CHECK(trainers[1]->shown.empty());
}

TEST_CASE("meters average over the steps since the last row, and keep what was not finite") {
  Meters meters;
  meters.add({.averaged = {{"loss", 1}}, .latest = {{"rate", 5}}});
  meters.add({.averaged = {{"loss", 4}}, .latest = {{"rate", 6}}});
  CHECK(Meters::from_json(meters.to_json()).flush() == Metrics{{"loss", 2.5}, {"rate", 6}});
  CHECK(meters.flush() == Metrics{{"loss", 2.5}, {"rate", 6}});
  CHECK(meters.empty());
  meters.add({.averaged = {{"loss", std::nan("")}}, .latest = {}});
  const auto text = meters.to_json().dump();
  CHECK(std::isnan(Meters::from_json(nlohmann::ordered_json::parse(text)).flush().at(0).second));
}

TEST_CASE("a state that is not one is refused by its file's name") {
  TemporaryFolder folder;
  CHECK_THROWS_WITH(TrainerState::load(folder.path()), test::contains("trainer_state.json"));
  write_file(folder / "trainer_state.json", R"({"global_step": 3})");
  CHECK_THROWS_AS(TrainerState::load(folder.path()), UserError);
  TrainerState state;
  state.global_step = 3;
  state.stage["num_tokens"] = 17;
  write_file(folder / "trainer_state.json", state.to_json());
  CHECK(TrainerState::load(folder.path()).to_json() == state.to_json());
}
