#pragma once
#include <functional>

#include <CLI/App.hpp>

namespace rlhf {

/// Adds every command of the program. A new stage is one line here.
void add_commands(CLI::App& app);

/// Calls `visit` for each command and subcommand.
void for_each_command(CLI::App& app, const std::function<void(CLI::App&)>& visit);

}  // namespace rlhf
