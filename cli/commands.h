#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// Adds every command of the program. A new stage is one line here.
void add_commands(CLI::App& app);

}  // namespace rlhf
