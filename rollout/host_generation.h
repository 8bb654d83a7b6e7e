#pragma once
#include <optional>

#include "rollout/generation.h"

namespace rlhf {

/// Tokens are drawn on the CPU as soon as their logits are there: a finished sequence leaves at once.
class HostGeneration : public Generation {
 public:
  HostGeneration(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                 const GeneratorOptions& options);

 private:
  void begin(const Active&, int64_t) override {}
  void take_tokens(const torch::Tensor& logits, int64_t first) override;
  void decode() override;
  void moved(int64_t, int64_t) override {}
  bool finished(const Active& sequence);

  std::optional<PackedDecoding> packed_;
};

}  // namespace rlhf
