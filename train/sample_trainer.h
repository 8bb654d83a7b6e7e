#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "train/optimizer_step.h"
#include "train/sample_order.h"
#include "train/training_loop.h"
#include "train/training_options.h"

namespace rlhf {

/// What trainers that pass over a set of samples share (pretrain, sft, reward): which samples a step takes,
/// the optimizer and its schedule, the counters, and the run from where it stands to its end. A trainer adds
/// its samples and its loss.
class SampleTrainer {
 public:
  virtual ~SampleTrainer() = default;
  SampleTrainer(const SampleTrainer&) = delete;
  SampleTrainer& operator=(const SampleTrainer&) = delete;

  int64_t total_steps() const;
  /// Runs what is left of the run. `save_model` writes the model's own files; optimizer state is added.
  void train(TrainerState& state, const TrainingSurroundings& surroundings,
             const std::function<void(const std::filesystem::path&)>& save_model);
  /// Optimizer state and counters of a checkpoint folder; the weights are the caller's.
  void resume(const std::filesystem::path& checkpoint, const TrainerState& state);

  /// One optimizer step; `step` counts from 0.
  StepReport step(int64_t step);
  virtual Metrics evaluate() const = 0;

 protected:
  /// `parameters` must require gradients.
  SampleTrainer(std::vector<NamedTensor> parameters, int64_t samples, const TrainingOptions& options,
                Collective& collective);

  struct Pass {
    Metrics averaged;
    double tokens = 0;  ///< of all processes, that went through the network
  };
  /// Leaves the gradients of this process's share of a step's samples, whose places in the data set are
  /// `indices`, divided by the step's global count.
  virtual Pass accumulate_gradients(int64_t step, const std::vector<int64_t>& indices) = 0;
  virtual bool evaluates() const = 0;  ///< whether there are samples to evaluate on

  const TrainingOptions& options() const { return options_; }
  Collective& collective() { return collective_; }

 private:
  int64_t batch_size() const;  // samples of a step, of all processes

  TrainingOptions options_;
  Collective& collective_;
  int64_t samples_;
  SampleOrder order_;
  OptimizerStep optimizer_;
  int64_t num_tokens_ = 0;
};

}  // namespace rlhf
