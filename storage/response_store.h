#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "contract/prompt.h"
#include "contract/sampling_options.h"
#include "contract/token.h"
#include "contract/trajectory.h"
#include "storage/database.h"

namespace rlhf {

/// One response of a model, as sampled.
struct SampledResponse {
  std::string text;
  std::vector<TokenId> token_ids;
  FinishReason finish_reason = FinishReason::kStop;
  int32_t sample_index = 0;
};

/// A prompt and what a model answered to it, by rising sample index.
struct AnsweredPrompt {
  Prompt prompt;
  std::vector<SampledResponse> responses;
};

/// Everything needed to sample the responses again.
struct SamplingRecord {
  std::string model_hash;  ///< of the model that samples; see register_model
  SamplingOptions options;
  std::string engine;  ///< program and version, and what else decides its draws
  uint64_t seed = 0;
};

/// What the ledger has of one prompt under one SamplingRecord.
struct DrawnSamples {
  int32_t samples = 0;    ///< 0 .. samples - 1 were drawn
  int64_t responses = 0;  ///< different texts among them: fewer when a model repeats itself
};

/// One entry a prompt, in order. Reads only.
std::vector<DrawnSamples> drawn_samples(Database& database, const SamplingRecord& sampling,
                                        const std::vector<Prompt>& prompts);

struct StoredResponses {
  int64_t prompt_id = 0;
  std::vector<int64_t> response_ids;  ///< one a response, in order; equal texts share the row of the first
  int64_t added = 0;                  ///< rows that are new
};

/// Keeps what a model answered (`rlhf data sample`), a text once for each prompt: rankings need responses
/// that differ. One transaction for all of it; storing the same again changes nothing. One entry a prompt.
std::vector<StoredResponses> store_responses(Database& database, const SamplingRecord& sampling,
                                             const std::vector<AnsweredPrompt>& answered);

}  // namespace rlhf
