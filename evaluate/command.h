#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf logprobs`, `rlhf score` and `rlhf evaluate {perplexity, reward, win_rate}`.
void add_logprobs_command(CLI::App& app);
void add_score_command(CLI::App& app);
void add_evaluate_command(CLI::App& app);

}  // namespace rlhf
