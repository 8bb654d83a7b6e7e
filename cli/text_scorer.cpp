#include "cli/text_scorer.h"

#include "cli/model_reference.h"
#include "contract/error.h"
#include "text/parallel_map.h"
#include "text/tokenizer.h"

namespace rlhf {

TextScorer::TextScorer(const std::string& model_reference, const ComputeFlags& compute,
                       const std::string& flag)
    : TextScorer(open_reward_models(model_reference, flag), compute, flag) {}

TextScorer::TextScorer(const std::vector<ModelFiles>& members, const ComputeFlags& compute,
                       const std::string& flag)
    : encoder_(load_tokenizer(members.front())),
      context_(reward_context(members)),
      scorer_(load_reward_models(members, compute.torch_dtype(), compute.torch_device(), flag)) {}

std::vector<ScoreInput> TextScorer::inputs_of(const std::vector<Prompt>& prompts,
                                              const std::vector<std::string>& responses,
                                              const std::vector<std::string>& places) const {
  std::vector<ScoreInput> inputs = parallel_map(prompts.size(), torch::get_num_threads(), [&](size_t i) {
    return ScoreInput{{}, encoder_.prompt_and_response(prompts[i], responses[i])};
  });
  for (size_t i = 0; i < prompts.size(); ++i) {
    const size_t length = inputs[i].response_ids.size();
    if (static_cast<int64_t>(length) > context_)
      throw UserError(places[i] + ": prompt and response have " + std::to_string(length) +
                      " tokens, more than the reward model's context of " + std::to_string(context_));
  }
  return inputs;
}

std::vector<Score> TextScorer::score(const std::vector<Prompt>& prompts,
                                     const std::vector<std::string>& responses,
                                     const std::vector<std::string>& places) {
  return scorer_->score(inputs_of(prompts, responses, places));
}

std::vector<std::vector<Score>> TextScorer::member_scores(const std::vector<Prompt>& prompts,
                                                          const std::vector<std::string>& responses,
                                                          const std::vector<std::string>& places) {
  return scorer_->member_scores(inputs_of(prompts, responses, places));
}

}  // namespace rlhf
