#include "rollout/generator.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include <torch/utils.h>

#include "contract/error.h"
#include "rollout/sampling.h"

namespace rlhf {
namespace {

// A sequence being written: slot i of the cache belongs to active_[i].
struct Active {
  size_t output = 0;  // place in the result
  DrawKey key;
  std::vector<TokenId> context;  // prompt and response so far
};

class Generation {
 public:
  Generation(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
             const GeneratorOptions& options)
      : model_(model),
        requests_(requests),
        options_(options),
        total_(std::transform_reduce(requests.begin(), requests.end(), int64_t{0}, std::plus<>(),
                                     [](const GenerationRequest& request) { return request.samples; })),
        places_(std::max<int64_t>(1, std::min(total_, options.max_batch_size))),
        cache_(make_cache()) {
    responses_.resize(static_cast<size_t>(total_));
    if (model.packed()) packed_.emplace(model.packed(), cache_);
  }

  std::vector<GeneratedResponse> run(const std::function<void(int64_t)>& progress) {
    torch::InferenceMode inference;
    while (admit() || !active_.empty()) {
      if (active_.empty()) continue;
      decode();
      if (progress) progress(done_);
    }
    return std::move(responses_);
  }

 private:
  KvCache make_cache() const {
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

  // Behind those of active sequences: the prompt of a request whose samples wait.
  int64_t spare_slot() const { return places_; }

  // Gives free slots to waiting samples, in order. A request's prompt is run once: its samples copy its keys
  // and values, and draw their first token from the same logits. When slots run out before its samples do,
  // both are kept, the former in the spare slot, until the last is admitted: only the next request can be so
  // divided.
  bool admit() {
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
    for (const auto& [from, to] : copies) copy_slot(from, to);
    if (next_sample_ > 0 && !prompts.empty()) {
      copy_slot(prompt_slots.back(), spare_slot());
      kept_logits_ = logits.narrow(0, logits.size(0) - 1, 1).clone();
    }
    take_tokens(logits.index_select(0, torch::tensor(row_of_sample, torch::kInt64)), first);
    return true;
  }

  // Logits of the prompts' last tokens, [P, V] on the CPU.
  torch::Tensor run_prompts(const std::vector<std::vector<TokenId>>& prompts,
                            const std::vector<int64_t>& slots) {
    const TokenBatch batch = TokenBatch::pack(prompts, model_.decoder().device());
    const torch::Tensor hidden = model_.prefill(batch, cache_, slots);
    return model_.logits(hidden.index_select(0, batch.last_token_rows())).cpu();
  }

  void decode() {
    std::vector<TokenId> ids;
    std::vector<int64_t> slots;
    for (size_t i = 0; i < active_.size(); ++i) {
      ids.push_back(active_[i].context.back());
      slots.push_back(static_cast<int64_t>(i));
    }
    if (packed_) {
      take_tokens(packed_->step(ids, slots), 0);
    } else {
      const torch::Tensor tokens = torch::tensor(ids, torch::kInt64).to(model_.decoder().device());
      take_tokens(model_.logits(model_.decoder().decode(tokens, cache_, slots)).cpu(), 0);
    }
  }

  // Draws the next token of active_[first..] from rows of logits and retires what is finished.
  void take_tokens(const torch::Tensor& logits, int64_t first) {
    std::vector<DrawKey> keys;
    std::vector<const std::vector<TokenId>*> contexts;
    for (size_t i = static_cast<size_t>(first); i < active_.size(); ++i) {
      keys.push_back(active_[i].key);
      contexts.push_back(&active_[i].context);
    }
    const SampledTokens sampled = sample_tokens(logits, options_.sampling, keys, contexts);
    for (size_t i = 0; i < keys.size(); ++i) {
      Active& sequence = active_[static_cast<size_t>(first) + i];
      GeneratedResponse& response = responses_[sequence.output];
      response.token_ids.push_back(sampled.token_ids[i]);
      response.logprobs.push_back(sampled.logprobs[i]);
      sequence.context.push_back(sampled.token_ids[i]);
      ++sequence.key.position;
    }
    for (size_t i = active_.size(); i-- > static_cast<size_t>(first);)
      if (finished(active_[i])) retire(i);
  }

  bool finished(const Active& sequence) {
    GeneratedResponse& response = responses_[sequence.output];
    const std::vector<TokenId>& ends = options_.eos_token_ids;
    const bool stopped = std::find(ends.begin(), ends.end(), response.token_ids.back()) != ends.end();
    response.finish_reason = stopped ? FinishReason::kStop : FinishReason::kLength;
    return stopped || static_cast<int32_t>(response.token_ids.size()) == options_.sampling.max_new_tokens;
  }

  // Active sequences stay in the first slots of the cache, so that decoding reads it without gathering.
  void retire(size_t index) {
    if (index + 1 != active_.size()) {
      copy_slot(static_cast<int64_t>(active_.size()) - 1, static_cast<int64_t>(index));
      active_[index] = std::move(active_.back());
    }
    active_.pop_back();
    ++done_;
  }

  void copy_slot(int64_t from, int64_t to) {
    const int64_t length = cache_.length(from);
    for (int64_t layer = 0; layer < model_.decoder().config().num_hidden_layers; ++layer) {
      for (torch::Tensor* store : {&cache_.keys(layer), &cache_.values(layer)})
        (*store)[to].narrow(1, 0, length).copy_((*store)[from].narrow(1, 0, length));
    }
    cache_.set_length(to, length);
  }

  const LanguageModel& model_;
  const std::vector<GenerationRequest>& requests_;
  const GeneratorOptions& options_;
  const int64_t total_;   // responses
  const int64_t places_;  // sequences decoded at once
  KvCache cache_;
  std::optional<PackedDecoding> packed_;
  std::vector<Active> active_;
  std::vector<GeneratedResponse> responses_;
  size_t next_request_ = 0, next_output_ = 0;
  int32_t next_sample_ = 0;    // above 0: the next request has samples both admitted and waiting
  torch::Tensor kept_logits_;  // [1, V], of the prompt in the spare slot
  int64_t done_ = 0;
};

}  // namespace

std::vector<GeneratedResponse> generate(const LanguageModel& model,
                                        const std::vector<GenerationRequest>& requests,
                                        const GeneratorOptions& options,
                                        const std::function<void(int64_t)>& progress) {
  check_sampling_options(options.sampling);
  return Generation(model, requests, options).run(progress);
}

}  // namespace rlhf
