#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "contract/sampling_options.h"
#include "contract/trajectory.h"
#include "model/heads.h"

namespace rlhf {

/// One prompt to be answered `samples` times.
struct GenerationRequest {
  std::vector<TokenId> prompt_ids;
  int64_t prompt = 0;  ///< DrawKey::prompt
  int32_t samples = 1;
};

struct GeneratedResponse {
  std::vector<TokenId> token_ids;  ///< the end-of-sequence token included when drawn
  std::vector<float> logprobs;     ///< at the sampling temperature, before filters
  FinishReason finish_reason = FinishReason::kStop;
};

struct GeneratorOptions {
  SamplingOptions sampling;
  std::vector<TokenId> eos_token_ids;  ///< any of them ends a response
  uint64_t seed = 0;                   ///< DrawKey::seed
  int64_t iteration = 0;               ///< DrawKey::iteration
  int64_t max_batch_size = 64;         ///< sequences decoded at once
};

/// Answers prompts with a KV cache and continuous batching: a finished sequence leaves the batch and the next
/// waiting one takes its place, always in the order of (request, sample), so the same requests give the same
/// bits. A prompt's cache is computed once for all its samples. Returns samples of request 0, then of request
/// 1, ... UserError for a prompt that leaves no room in the context. `progress`, when given, is called with
/// the number of responses done. The model should be frozen.
std::vector<GeneratedResponse> generate(const LanguageModel& model,
                                        const std::vector<GenerationRequest>& requests,
                                        const GeneratorOptions& options,
                                        const std::function<void(int64_t)>& progress = {});

/// WorldError when a log-probability is not a number: the model's weights or what it makes of them overflow,
/// and its answers mean nothing.
void require_finite(const std::vector<GeneratedResponse>& responses);

}  // namespace rlhf
