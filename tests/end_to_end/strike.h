#pragma once
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/end_to_end/run_program.h"

namespace rlhf::test {

/// The program as `count` processes of one data-parallel run, told by torchrun's environment variables; one
/// process gets none.
std::vector<Program> start_processes(const std::vector<std::string>& command, int count);

/// Waits for each. Throws std::runtime_error when one does not end well.
void wait_well(std::vector<Program>& processes);

/// What befalls a run, and when.
struct Strike {
  int64_t step = 0;                    ///< once this step is logged
  std::chrono::microseconds later{0};  ///< and so much later
  int signal = SIGKILL;
  int processes = 1;
  int victim = 0;  ///< the process that is struck
};

/// Runs the command into the folder and strikes; returns how each process ended. A run that came to its end
/// before it was struck is put back as it was and tried again.
std::vector<RunResult> strike(const std::vector<std::string>& command, const std::filesystem::path& run,
                              const Strike& strike);

/// `count` strikes spread over the run's steps from `first` on, `apart` steps each at most; other ones for
/// other names, the same every time.
std::vector<Strike> seeded_strikes(const std::string& name, int count, int64_t first, int64_t apart);

}  // namespace rlhf::test
