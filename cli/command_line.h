#pragma once
#include <string>
#include <vector>

namespace rlhf {

/// The whole program: parses the arguments after the program's name, runs one command, prints what went
/// wrong, returns the exit code of contract/error.h. Dashes in flags may stand for underscores. `--config
/// FILE.toml` gives defaults to a command, the command line wins, a key that is no flag is an error;
/// `--print_config` shows the effective settings and runs nothing.
int run_command_line(const std::vector<std::string>& arguments);

}  // namespace rlhf
