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

/// Everything needed to sample the responses again.
struct SamplingRecord {
  std::string model_hash;  ///< of the model that samples; see register_model
  SamplingOptions options;
  std::string engine;  ///< program and version
  uint64_t seed = 0;
};

struct StoredResponses {
  int64_t prompt_id = 0;
  std::vector<int64_t> response_ids;  ///< one a response, in order; equal responses share a row
  int64_t added = 0;                  ///< how many were new
};

/// Keeps what a model answered (`rlhf data sample`). One transaction; storing the same again changes nothing.
StoredResponses store_responses(Database& database, const SamplingRecord& sampling, const Prompt& prompt,
                                const std::vector<SampledResponse>& responses);

}  // namespace rlhf
