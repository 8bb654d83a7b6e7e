#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf evaluate {perplexity, reward, win_rate}`, each put under `evaluate`.
void add_evaluate_perplexity_command(CLI::App& evaluate);
void add_evaluate_reward_command(CLI::App& evaluate);
void add_evaluate_win_rate_command(CLI::App& evaluate);

}  // namespace rlhf
