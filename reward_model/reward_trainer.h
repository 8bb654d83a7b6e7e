#pragma once
#include <filesystem>
#include <functional>
#include <vector>

#include "model/heads.h"
#include "reward_model/ranked_sequences.h"
#include "train/memory_plan.h"
#include "train/optimizer_step.h"
#include "train/sample_order.h"
#include "train/training_loop.h"
#include "train/training_options.h"

namespace rlhf {

/// Accuracy and loss of a reward model over a set of rankings; pairs weigh the same whatever ranking they
/// come from.
struct RankingEvaluation {
  double loss = 0;
  double accuracy = 0;
  double margin = 0;
  double min_reward = 0, mean_reward = 0, max_reward = 0;
  int64_t pairs = 0;
};
RankingEvaluation evaluate_rankings(const ScalarModel& model, const std::vector<RankedSequences>& rankings,
                                    int64_t batch_size);

/// The memory of training on these rankings in micro-batches of this size.
MemoryPlan plan_reward_training(const ModelConfig& config, const PassOptions& pass,
                                const std::vector<RankedSequences>& train,
                                const std::vector<RankedSequences>& eval, const TrainingOptions& options,
                                int64_t micro_batch_size);

/// Trains a reward model on rankings: one batch element a ranking, one forward pass over each response, the
/// loss of reward_model/ranking_loss.h divided by the global number of rankings of the step.
class RewardTrainer {
 public:
  /// `model` must require gradients and outlive the trainer. Every ranking has an untied pair.
  RewardTrainer(ScalarModel& model, std::vector<RankedSequences> train, std::vector<RankedSequences> eval,
                const TrainingOptions& options, Collective& collective);

  int64_t total_steps() const;
  void train(TrainerState& state, const TrainingSurroundings& surroundings,
             const std::function<void(const std::filesystem::path&)>& save_model);
  void resume(const std::filesystem::path& checkpoint, const TrainerState& state);

  /// One optimizer step; `step` counts from 0.
  StepReport step(int64_t step);
  Metrics evaluate() const;

 private:
  ScalarModel& model_;
  std::vector<RankedSequences> train_, eval_;
  TrainingOptions options_;
  Collective& collective_;
  SampleOrder order_;
  OptimizerStep optimizer_;
  int64_t num_tokens_ = 0;
};

}  // namespace rlhf
