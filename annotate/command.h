#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf annotate`: rankings by a person in the terminal, or by simulated raters.
void add_annotate_command(CLI::App& app);

}  // namespace rlhf
