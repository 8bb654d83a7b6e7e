#pragma once
#include <CLI/App.hpp>

#include "contract/sampling_options.h"

namespace rlhf {

/// --max_new_tokens, --temperature, --top_k, --top_p, --min_p, --repetition_penalty.
void add_sampling_flags(CLI::App& command, SamplingOptions& options);

}  // namespace rlhf
