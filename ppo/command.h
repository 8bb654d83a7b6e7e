#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf ppo`: PPO with a KL penalty against a frozen reference, scored by a reward model.
void add_ppo_command(CLI::App& app);

}  // namespace rlhf
