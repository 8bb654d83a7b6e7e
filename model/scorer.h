#pragma once
#include <vector>

#include "contract/sources.h"
#include "model/model_folder.h"

namespace rlhf {

/// A reward model ready to score: the scalar head at the last token of prompt + response, normalised. Inputs
/// are run in packed micro-batches; a score does not depend on the others in the batch beyond rounding.
class ModelScorer : public RewardScorer {
 public:
  ModelScorer(ScalarModel model, RewardNormalizer normalizer, int64_t max_batch_tokens = 8192);
  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override;

 private:
  ScalarModel model_;
  RewardNormalizer normalizer_;
  int64_t max_batch_tokens_;
};

}  // namespace rlhf
