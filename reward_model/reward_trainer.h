#pragma once
#include <cstdint>
#include <vector>

#include "model/heads.h"
#include "reward_model/ranked_sequences.h"
#include "train/memory_plan.h"
#include "train/sample_trainer.h"

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
class RewardTrainer : public SampleTrainer {
 public:
  /// `model` must require gradients and outlive the trainer. Every ranking has an untied pair.
  RewardTrainer(ScalarModel& model, std::vector<RankedSequences> train, std::vector<RankedSequences> eval,
                const TrainingOptions& options, Collective& collective);

  Metrics evaluate() const override;

 private:
  Pass accumulate_gradients(int64_t step, const std::vector<int64_t>& indices) override;
  bool evaluates() const override { return !eval_.empty(); }

  ScalarModel& model_;
  std::vector<RankedSequences> train_, eval_;
};

}  // namespace rlhf
