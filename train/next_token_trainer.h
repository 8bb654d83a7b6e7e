#pragma once
#include <cstdint>
#include <vector>

#include "model/heads.h"
#include "train/memory_plan.h"
#include "train/sample_trainer.h"
#include "train/supervised_sequence.h"

namespace rlhf {

/// Total of a data set under a model, for perplexity and bits per byte.
struct NextTokenEvaluation {
  double nats = 0;      ///< -sum of log p over supervised tokens
  int64_t tokens = 0;   ///< supervised
  int64_t correct = 0;  ///< supervised tokens that are the most likely one
};
NextTokenEvaluation evaluate_next_token(const LanguageModel& model,
                                        const std::vector<SupervisedSample>& samples, int64_t batch_size);

/// The memory of training on these samples in micro-batches of this size.
MemoryPlan plan_next_token_training(const ModelConfig& config, const PassOptions& pass,
                                    const std::vector<SupervisedSample>& train,
                                    const std::vector<SupervisedSample>& eval, const TrainingOptions& options,
                                    int64_t micro_batch_size);

/// Trains a language model by cross-entropy over supervised tokens: what pretrain and sft have in common. The
/// loss of a step is the sum over its supervised tokens divided by their global count, so micro-batch size,
/// accumulation and the number of processes change nothing but rounding.
class NextTokenTrainer : public SampleTrainer {
 public:
  /// `model` must require gradients and outlive the trainer. Samples without a supervised token must have
  /// been left out.
  NextTokenTrainer(LanguageModel& model, std::vector<SupervisedSample> train,
                   std::vector<SupervisedSample> eval, const TrainingOptions& options,
                   Collective& collective);

  /// UTF-8 bytes of the evaluation text: evaluation then also gives bits per byte.
  void set_eval_bytes(int64_t bytes) { eval_bytes_ = bytes; }

  Metrics evaluate() const override;

 private:
  Pass accumulate_gradients(int64_t step, const std::vector<int64_t>& indices) override;
  bool evaluates() const override { return !eval_.empty(); }

  LanguageModel& model_;
  std::vector<SupervisedSample> train_, eval_;
  int64_t eval_bytes_ = 0;
};

}  // namespace rlhf
