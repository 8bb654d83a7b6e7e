#include "train/training_loop.h"

#include <fstream>

#include "contract/error.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

class Loop {
 public:
  Loop(TrainerState& state, const Cadence& cadence, const TrainingSteps& steps,
       const TrainingSurroundings& surroundings)
      : state_(state),
        cadence_(cadence),
        steps_(steps),
        around_(surroundings),
        meters_(Meters::from_json(state.meters)) {}

  void run() {
    if (cadence_.eval_at_start && steps_.evaluate && state_.global_step == 0) log_evaluation();
    while (state_.global_step < state_.max_steps) {
      meters_.add(step());
      ++state_.global_step;
      state_.epoch = steps_.epoch(state_.global_step);
      const bool last = state_.global_step == state_.max_steps;
      if (last || due(cadence_.logging_steps)) log(meters_.flush());
      if (steps_.evaluate && (last || due(cadence_.eval_steps))) log_evaluation();
      const bool stop = stop_requested();
      if (last || stop || due(cadence_.save_steps)) save();
      if (around_.collective.is_first() && around_.show_progress)
        around_.show_progress(state_.global_step, state_.max_steps, last_row_);
      if (stop && !last) throw interrupted();
    }
  }

 private:
  // A step that waits for others, for rollouts by workers say, may be interrupted before anything came of it.
  StepReport step() {
    try {
      return steps_.step(state_.global_step);
    } catch (const Interrupted&) {
      if (around_.collective.is_first() && state_.global_step > 0) write_checkpoint();
      throw interrupted();
    }
  }

  Interrupted interrupted() const {
    if (state_.global_step == 0)
      return Interrupted("stopped before the first step; give the same command again to start");
    return Interrupted("stopped after step " + std::to_string(state_.global_step) +
                       ", which is saved; give the same command again to go on");
  }

  bool due(int64_t every) const { return every > 0 && state_.global_step % every == 0; }

  // Any process that was asked to stop stops all, so that they leave the collective at the same step.
  bool stop_requested() const {
    std::vector<double> asked{around_.stop_requested && around_.stop_requested() ? 1.0 : 0.0};
    around_.collective.all_reduce_sum(asked);
    return asked[0] > 0;
  }

  void log(Metrics row) {
    row.emplace_back("epoch", state_.epoch);
    last_row_ = row;
    if (!around_.collective.is_first()) return;
    auto entry = nlohmann::ordered_json::object();
    for (const auto& [name, value] : row) entry[name] = value;
    entry["step"] = state_.global_step;
    state_.log_history.push_back(std::move(entry));
    around_.metrics.log(state_.global_step, row);
  }

  void log_evaluation() {
    Metrics row;
    for (const auto& [name, value] : steps_.evaluate()) row.emplace_back("eval_" + name, value);
    log(std::move(row));
  }

  void save() {
    if (around_.collective.is_first()) write_checkpoint();
    around_.collective.barrier();
  }

  void write_checkpoint() {
    state_.meters = meters_.to_json();
    around_.metrics.flush();
    around_.checkpoints.save(state_.global_step, [this](const fs::path& folder) {
      steps_.save(folder);
      std::ofstream file(folder / "trainer_state.json", std::ios::binary);
      file << state_.to_json();
      file.close();
      if (!file)
        throw WorldError("writing " + (folder / "trainer_state.json").string() +
                         " failed: is the disk full?");
    });
  }

  TrainerState& state_;
  const Cadence& cadence_;
  const TrainingSteps& steps_;
  const TrainingSurroundings& around_;
  Meters meters_;
  Metrics last_row_;
};

}  // namespace

void run_training_loop(TrainerState& state, const Cadence& cadence, const TrainingSteps& steps,
                       const TrainingSurroundings& surroundings) {
  Loop(state, cadence, steps, surroundings).run();
}

}  // namespace rlhf
