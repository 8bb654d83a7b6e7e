#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf data select`: makes tasks of a campaign of those sampled responses that are worth a person's time.
void add_select_command(CLI::App& data);

}  // namespace rlhf
