#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf data import|export|stats|quality|gold|verify|backup`. Other folders add theirs (sample, ...) to the
/// command returned.
CLI::App& add_data_command(CLI::App& app);

}  // namespace rlhf
