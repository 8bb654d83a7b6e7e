#include "rollout/host_generation.h"

#include "rollout/sampling.h"

namespace rlhf {

HostGeneration::HostGeneration(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                               const GeneratorOptions& options)
    : Generation(model, requests, options) {
  if (model.packed()) packed_.emplace(model.packed(), cache());
}

void HostGeneration::decode() {
  std::vector<TokenId> ids;
  std::vector<int64_t> slots;
  for (size_t i = 0; i < active().size(); ++i) {
    ids.push_back(active()[i].context.back());
    slots.push_back(static_cast<int64_t>(i));
  }
  if (packed_) {
    take_tokens(packed_->step(ids, slots), 0);
  } else {
    const torch::Tensor tokens = torch::tensor(ids, torch::kInt64);
    take_tokens(model().logits(model().decoder().decode(tokens, cache(), slots)), 0);
  }
}

void HostGeneration::take_tokens(const torch::Tensor& logits, int64_t first) {
  std::vector<DrawKey> keys;
  std::vector<const std::vector<TokenId>*> contexts;
  for (size_t i = static_cast<size_t>(first); i < active().size(); ++i) {
    keys.push_back(active()[i].key);
    contexts.push_back(&active()[i].context);
  }
  const SampledTokens sampled = sample_tokens(logits, options().sampling, keys, contexts);
  for (size_t i = 0; i < keys.size(); ++i) {
    Active& sequence = active()[static_cast<size_t>(first) + i];
    GeneratedResponse& response = response_of(sequence);
    response.token_ids.push_back(sampled.token_ids[i]);
    response.logprobs.push_back(sampled.logprobs[i]);
    sequence.context.push_back(sampled.token_ids[i]);
    ++sequence.key.position;
  }
  for (size_t i = active().size(); i-- > static_cast<size_t>(first);)
    if (finished(active()[i])) retire(i);
}

bool HostGeneration::finished(const Active& sequence) {
  GeneratedResponse& response = response_of(sequence);
  const bool stopped = is_end(response.token_ids.back());
  response.finish_reason = stopped ? FinishReason::kStop : FinishReason::kLength;
  return stopped || static_cast<int32_t>(response.token_ids.size()) == options().sampling.max_new_tokens;
}

}  // namespace rlhf
