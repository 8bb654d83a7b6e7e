#pragma once
#include <vector>

#include <torch/types.h>

#include "contract/sampling_options.h"
#include "contract/token.h"
#include "rollout/counter_random.h"

namespace rlhf {

/// The least temperature that is not greedy: logits over less cannot be told apart in float32.
inline constexpr double kLeastTemperature = 1e-4;

/// UserError naming the option whose value makes no sense.
void check_sampling_options(const SamplingOptions& options);

struct SampledTokens {
  std::vector<TokenId> token_ids;  ///< B
  std::vector<float> logprobs;     ///< B, at the sampling temperature, before penalties and filters
};

/// Draws one token a row. `logits` is [B, V] float32 or float64 on the CPU; `keys` and `contexts` have one
/// entry a row, the context being the prompt and response ids so far, read only when there is a repetition
/// penalty. Order of the rules as in transformers: repetition penalty, temperature, top-k, top-p, min-p. Row
/// b's draw depends on row b alone.
SampledTokens sample_tokens(const torch::Tensor& logits, const SamplingOptions& options,
                            const std::vector<DrawKey>& keys,
                            const std::vector<const std::vector<TokenId>*>& contexts);

}  // namespace rlhf
