#pragma once
#include <vector>

#include "rollout/generation.h"

namespace rlhf {

/// Tokens are drawn and kept where the model is, for models that are not on the CPU: the host asks for them
/// every few steps, not after each, and takes what is finished in one copy. Between two such looks a sequence
/// that has ended goes on, and what it says then is dropped.
class DeviceGeneration : public Generation {
 public:
  DeviceGeneration(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                   const GeneratorOptions& options);

 private:
  void begin(const Active& sequence, int64_t slot) override;
  void take_tokens(const torch::Tensor& logits, int64_t first) override;
  void decode() override;
  void moved(int64_t from, int64_t to) override;
  void look();

  // A row a slot. Of columns, one a token of the response or of the vocabulary.
  torch::Tensor uniforms_;  // [places, max_new_tokens] float64: the draws that the keys name
  torch::Tensor tokens_;    // [places, max_new_tokens] int64
  torch::Tensor logprobs_;  // [places, max_new_tokens] float32
  torch::Tensor last_;      // [places] int64: what the model reads next
  torch::Tensor seen_;      // [places, vocabulary] bool, with a repetition penalty: what is in the context
  std::vector<int64_t> drawn_, looked_at_;  // tokens of a slot: in tokens_, and of those the host knows
};

}  // namespace rlhf
