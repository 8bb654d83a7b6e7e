#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf sft`: supervised fine-tuning on demonstrations.
void add_sft_command(CLI::App& app);

}  // namespace rlhf
