#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf serve`: a checkpoint store and reward models for other stages.
void add_serve_command(CLI::App& app);

}  // namespace rlhf
