#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf data quality` and `rlhf data gold`, among the commands of `rlhf data`.
void add_quality_commands(CLI::App& data);

}  // namespace rlhf
