#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf reward`: a reward model from rankings.
void add_reward_command(CLI::App& app);

}  // namespace rlhf
