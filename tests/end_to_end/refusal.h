#pragma once
#include <string>
#include <vector>

#include "contract/error.h"
#include "tests/end_to_end/run_program.h"

namespace rlhf::test {

using Words = std::vector<std::string>;

/// Runs a command that must end with the exit code, say each of the words on standard error and nothing on
/// standard output.
void check_refused(const std::vector<std::string>& command, const Words& words,
                   int exit_code = kExitUserError, RunOptions options = {});

/// The same for a trainer: its --output_dir, two folders deep in one that is empty, must not have come to be.
void check_run_refused(const std::vector<std::string>& command, const Words& words,
                       int exit_code = kExitUserError);

}  // namespace rlhf::test
