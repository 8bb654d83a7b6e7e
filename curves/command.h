#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// rlhf curves RUN... [--html FILE] [--smooth N] [--metrics a,b]: plots in the terminal, or one page of HTML.
void add_curves_command(CLI::App& app);

}  // namespace rlhf
