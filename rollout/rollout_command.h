#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf rollout`: a worker that samples and scores for a learner.
void add_rollout_command(CLI::App& app);

}  // namespace rlhf
