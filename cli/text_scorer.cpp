#include "cli/text_scorer.h"

#include "cli/model_reference.h"
#include "contract/error.h"
#include "model/scorer.h"

namespace rlhf {

TextScorer::TextScorer(const std::string& model_reference, const ComputeFlags& compute,
                       const std::string& flag)
    : TextScorer(open_model(model_reference, flag), flag + " " + model_reference, compute) {}

TextScorer::TextScorer(const ModelFiles& files, const std::string& named, const ComputeFlags& compute)
    : encoder_(load_tokenizer(files)) {
  LoadedScalarModel loaded =
      load_scalar_model(files, compute.torch_dtype(), compute.torch_device(), /*trainable=*/false);
  if (loaded.fresh_head)
    throw UserError(named + " is a language model, not a reward model: it has no score.weight");
  context_ = loaded.model.decoder().config().max_position_embeddings;
  scorer_ = std::make_unique<ModelScorer>(std::move(loaded.model), loaded.normalizer);
}

std::vector<Score> TextScorer::score(const std::vector<Prompt>& prompts,
                                     const std::vector<std::string>& responses,
                                     const std::vector<std::string>& places) {
  std::vector<ScoreInput> inputs;
  for (size_t i = 0; i < prompts.size(); ++i) {
    inputs.push_back({{}, encoder_.prompt_and_response(prompts[i], responses[i])});
    const size_t length = inputs.back().response_ids.size();
    if (static_cast<int64_t>(length) > context_)
      throw UserError(places[i] + ": prompt and response have " + std::to_string(length) +
                      " tokens, more than the reward model's context of " + std::to_string(context_));
  }
  return scorer_->score(inputs);
}

}  // namespace rlhf
