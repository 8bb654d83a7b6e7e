#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "contract/checkpoint.h"
#include "contract/sources.h"
#include "train/collective.h"
#include "train/meters.h"
#include "train/trainer_state.h"

namespace rlhf {

/// What surrounds a trainer, made by its command: where checkpoints and metrics go, who shows progress, when
/// to stop.
struct TrainingSurroundings {
  CheckpointSaver& checkpoints;
  MetricSink& metrics;
  Collective& collective;
  /// Called after every step on the first process, with the last row logged: the progress line.
  std::function<void(int64_t step, int64_t total_steps, const Metrics& row)> show_progress;
  /// True once the user asked to stop (Ctrl-C); the loop then saves and throws Interrupted.
  std::function<bool()> stop_requested;
};

struct Cadence {
  int64_t logging_steps = 10;
  int64_t eval_steps = 0;  ///< 0 = after the last step only
  int64_t save_steps = 500;
  bool eval_at_start = false;  ///< also before the first step of a fresh run, logged as step 0
};

/// A trainer's own part of the loop.
struct TrainingSteps {
  std::function<StepReport(int64_t step)> step;  ///< one optimizer step; `step` counts from 0
  std::function<Metrics()> evaluate;             ///< may be empty; logged with the prefix eval_
  std::function<void(const std::filesystem::path& folder)> save;  ///< model and optimizer files
  std::function<double(int64_t steps_done)> epoch;
};

/// Runs steps [state.global_step, state.max_steps): logs, evaluates, saves at their cadence and after the
/// last step, the same way in all four trainers. Only the first process logs and saves. On return `state` is
/// that of the last step.
void run_training_loop(TrainerState& state, const Cadence& cadence, const TrainingSteps& steps,
                       const TrainingSurroundings& surroundings);

}  // namespace rlhf
