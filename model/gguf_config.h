#pragma once
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "model/gguf_metadata.h"
#include "model/gguf_reader.h"
#include "model/model_config.h"

namespace rlhf {

/// Name of the tensor that holds the divisors of a Llama 3 rotation.
inline constexpr char kGgufRopeFactors[] = "rope_freqs.weight";

/// config.json in Hugging Face's words of a GGUF model of architecture llama, qwen2 or qwen3, without the
/// token ids that the tokenizer's metadata holds. UserError for other architectures and for what these may
/// have and we have not: experts, sizes that differ from layer to layer, other rope scalings.
nlohmann::ordered_json gguf_config(const GgufFile& file);

/// The same facts as metadata keys "<architecture>....". UserError for families that are not in the list
/// above.
void append_config(const ModelConfig& config, GgufMetadata& metadata);

/// What each frequency is divided by under Llama 3's scaling, rotary_dim / 2 numbers; empty for other
/// scalings.
std::vector<float> rope_factors(const Rope& rope);

}  // namespace rlhf
