#include "rollout/generation.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "contract/error.h"

namespace rlhf {

Generation::Generation(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                       const GeneratorOptions& options)
    : model_(model),
      requests_(requests),
      options_(options),
      total_(std::transform_reduce(requests.begin(), requests.end(), int64_t{0}, std::plus<>(),
                                   [](const GenerationRequest& request) { return request.samples; })),
      places_(std::max<int64_t>(1, std::min(total_, options.max_batch_size))),
      cache_(make_cache()) {
  responses_.resize(static_cast<size_t>(total_));
}

std::vector<GeneratedResponse> Generation::run(const std::function<void(int64_t)>& progress) {
  torch::InferenceMode inference;
  while (admit() || !active_.empty()) {
    if (active_.empty()) continue;
    decode();
    if (progress) progress(done_);
  }
  return std::move(responses_);
}

KvCache Generation::make_cache() const {
  const int64_t context = model_.decoder().config().max_position_embeddings;
  int64_t longest = 0;
  bool several = false;
  for (const GenerationRequest& request : requests_) {
    longest = std::max(longest, static_cast<int64_t>(request.prompt_ids.size()));
    several = several || request.samples > 1;
  }
  if (longest + options_.sampling.max_new_tokens > context)
    throw UserError("a prompt of " + std::to_string(longest) + " tokens and " +
                    std::to_string(options_.sampling.max_new_tokens) +
                    " new ones do not fit the model's context of " + std::to_string(context) +
                    ": shorten the prompt or --max_new_tokens");
  const bool may_divide = several && total_ > places_;
  return KvCache(model_.decoder().config(), places_ + (may_divide ? 1 : 0),
                 longest + options_.sampling.max_new_tokens, model_.decoder().compute_dtype(),
                 model_.decoder().device());
}

// Gives free slots to waiting samples, in order. A request's prompt is run once: its samples copy its keys
// and values, and draw their first token from the same logits. When slots run out before its samples do,
// both are kept, the former in the spare slot, until the last is admitted: only the next request can be so
// divided.
bool Generation::admit() {
  const auto first = static_cast<int64_t>(active_.size());
  std::vector<std::vector<TokenId>> prompts;
  std::vector<int64_t> prompt_slots, row_of_sample;
  std::vector<std::pair<int64_t, int64_t>> copies;  // slot of a prompt, slot of a further sample
  const int64_t kept_rows = next_sample_ > 0 ? 1 : 0;
  while (next_request_ < requests_.size() && static_cast<int64_t>(active_.size()) < places_) {
    const GenerationRequest& request = requests_[next_request_];
    if (request.prompt_ids.empty()) throw UserError("an empty prompt: there is nothing to continue");
    const auto slot = static_cast<int64_t>(active_.size());
    if (next_sample_ == 0) {
      prompts.push_back(request.prompt_ids);
      prompt_slots.push_back(slot);
    } else {
      copies.emplace_back(prompts.empty() ? spare_slot() : prompt_slots.back(), slot);
    }
    row_of_sample.push_back(kept_rows + static_cast<int64_t>(prompts.size()) - 1);
    active_.push_back({next_output_++,
                       {options_.seed, options_.iteration, request.prompt, next_sample_, 0},
                       request.prompt_ids});
    begin(active_.back(), slot);
    if (++next_sample_ == request.samples) {
      next_sample_ = 0;
      ++next_request_;
    }
  }
  if (row_of_sample.empty()) return false;

  torch::Tensor logits = kept_logits_;  // a row a prompt, the kept one's first
  if (!prompts.empty()) {
    const torch::Tensor fresh = run_prompts(prompts, prompt_slots);
    logits = kept_rows > 0 ? torch::cat({kept_logits_, fresh}) : fresh;
  }
  for (const auto& [from, to] : copies) copy_cache(from, to);
  if (next_sample_ > 0 && !prompts.empty()) {
    copy_cache(prompt_slots.back(), spare_slot());
    kept_logits_ = logits.narrow(0, logits.size(0) - 1, 1).clone();
  }
  take_tokens(logits.index_select(0, torch::tensor(row_of_sample, torch::kInt64).to(logits.device())), first);
  return true;
}

torch::Tensor Generation::run_prompts(const std::vector<std::vector<TokenId>>& prompts,
                                      const std::vector<int64_t>& slots) {
  const TokenBatch batch = TokenBatch::pack(prompts, model_.decoder().device());
  return model_.logits(model_.prefill(batch, cache_, slots));
}

bool Generation::is_end(TokenId id) const {
  return std::find(options_.eos_token_ids.begin(), options_.eos_token_ids.end(), id) !=
         options_.eos_token_ids.end();
}

// Active sequences stay in the first slots of the cache, so that decoding reads it without gathering.
void Generation::retire(size_t index) {
  if (index + 1 != active_.size()) {
    const auto from = static_cast<int64_t>(active_.size()) - 1, to = static_cast<int64_t>(index);
    copy_cache(from, to);
    moved(from, to);
    active_[index] = std::move(active_.back());
  }
  active_.pop_back();
  ++done_;
}

void Generation::copy_cache(int64_t from, int64_t to) {
  const int64_t length = cache_.length(from);
  for (int64_t layer = 0; layer < model_.decoder().config().num_hidden_layers; ++layer) {
    for (torch::Tensor* store : {&cache_.keys(layer), &cache_.values(layer)})
      (*store)[to].narrow(1, 0, length).copy_((*store)[from].narrow(1, 0, length));
  }
  cache_.set_length(to, length);
}

}  // namespace rlhf
