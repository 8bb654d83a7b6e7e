#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include <torch/types.h>

#include "model/heads.h"
#include "model/kv_cache.h"
#include "rollout/counter_random.h"
#include "rollout/generator.h"

namespace rlhf {

/// Continuous batching: which sequence is written in which slot of the cache. What derives from it draws
/// tokens from logits and keeps them: in the host's memory (rollout/host_generation.h), or where the model is
/// (rollout/device_generation.h).
class Generation {
 public:
  /// Borrows all three.
  Generation(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
             const GeneratorOptions& options);
  virtual ~Generation() = default;
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  std::vector<GeneratedResponse> run(const std::function<void(int64_t)>& progress);

 protected:
  /// A sequence being written: slot i of the cache belongs to active()[i].
  struct Active {
    size_t output = 0;  ///< place in the result
    DrawKey key;
    std::vector<TokenId> context;  ///< prompt and response, as far as the host knows it
  };

  /// The sequence in the last slot was admitted; take_tokens() follows.
  virtual void begin(const Active& sequence, int64_t slot) = 0;
  /// Draws a token for each of active()[first..] from a row of logits. Retires what it knows to be finished.
  virtual void take_tokens(const torch::Tensor& logits, int64_t first) = 0;
  /// Runs the model on the last token of every active sequence, once or more often, and takes what it says.
  virtual void decode() = 0;
  /// The sequence of slot `from` goes on in slot `to`; its keys and values are there.
  virtual void moved(int64_t from, int64_t to) = 0;

  /// Ends active()[index]: its slot goes to the last one's sequence.
  void retire(size_t index);
  /// Whether the token ends a response.
  bool is_end(TokenId id) const;

  const LanguageModel& model() const { return model_; }
  const GeneratorOptions& options() const { return options_; }
  KvCache& cache() { return cache_; }
  int64_t places() const { return places_; }
  std::vector<Active>& active() { return active_; }
  GeneratedResponse& response_of(const Active& sequence) { return responses_[sequence.output]; }

 private:
  KvCache make_cache() const;
  int64_t spare_slot() const { return places_; }  // behind those of active sequences
  bool admit();
  torch::Tensor run_prompts(const std::vector<std::vector<TokenId>>& prompts,
                            const std::vector<int64_t>& slots);
  void copy_cache(int64_t from, int64_t to);

  const LanguageModel& model_;
  const std::vector<GenerationRequest>& requests_;
  const GeneratorOptions& options_;
  const int64_t total_;   // responses
  const int64_t places_;  // sequences decoded at once
  KvCache cache_;
  std::vector<Active> active_;
  std::vector<GeneratedResponse> responses_;
  size_t next_request_ = 0, next_output_ = 0;
  int32_t next_sample_ = 0;    // above 0: the next request has samples both admitted and waiting
  torch::Tensor kept_logits_;  // [1, V], of the prompt in the spare slot
  int64_t done_ = 0;
};

}  // namespace rlhf
