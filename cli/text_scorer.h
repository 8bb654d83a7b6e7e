#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/compute_flags.h"
#include "cli/reward_models.h"
#include "contract/prompt.h"
#include "contract/sources.h"
#include "text/sequence_encoder.h"

namespace rlhf {

/// A reward model, or an ensemble of several (reward_members), and its tokenizer, for commands that score
/// text.
class TextScorer {
 public:
  TextScorer(const std::string& model_reference, const ComputeFlags& compute,
             const std::string& flag = "--model");

  /// One score a response, in order; the response ends with the end-of-sequence token as in training.
  /// UserError for what does not fit the model's context, by its name in `places`.
  std::vector<Score> score(const std::vector<Prompt>& prompts, const std::vector<std::string>& responses,
                           const std::vector<std::string>& places);

  /// The same by each member: [member][response].
  std::vector<std::vector<Score>> member_scores(const std::vector<Prompt>& prompts,
                                                const std::vector<std::string>& responses,
                                                const std::vector<std::string>& places);

  std::size_t members() const { return scorer_->size(); }
  const SequenceEncoder& encoder() const { return encoder_; }

 private:
  TextScorer(const std::vector<ModelFiles>& members, const ComputeFlags& compute, const std::string& flag);
  std::vector<ScoreInput> inputs_of(const std::vector<Prompt>& prompts,
                                    const std::vector<std::string>& responses,
                                    const std::vector<std::string>& places) const;

  SequenceEncoder encoder_;
  int64_t context_;
  std::unique_ptr<RewardEnsemble> scorer_;
};

}  // namespace rlhf
