#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf generate`: answers prompts of a JSONL file.
void add_generate_command(CLI::App& app);

}  // namespace rlhf
