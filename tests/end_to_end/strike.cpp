#include "tests/end_to_end/strike.h"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <thread>

#include "tests/end_to_end/ports.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/support/temporary_folder.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;

void put_back(const fs::path& run, const fs::path& before) {
  fs::remove_all(run);
  if (fs::exists(before)) fs::copy(before, run, fs::copy_options::recursive);
}

}  // namespace

std::vector<Program> start_processes(const std::vector<std::string>& command, int count) {
  std::vector<Program> processes;
  const std::string port = std::to_string(free_port());
  for (int rank = 0; rank < count; ++rank) {
    RunOptions options;
    if (count > 1)
      options.environment = {{"RANK", std::to_string(rank)},
                             {"LOCAL_RANK", std::to_string(rank)},
                             {"WORLD_SIZE", std::to_string(count)},
                             {"MASTER_ADDR", "127.0.0.1"},
                             {"MASTER_PORT", port}};
    processes.emplace_back(command, options);
  }
  return processes;
}

void wait_well(std::vector<Program>& processes) {
  for (Program& process : processes)
    if (const RunResult result = process.wait(); result.exit_code != 0)
      throw std::runtime_error("a process ended with " + std::to_string(result.exit_code) + ":\n" +
                               result.err);
}

std::vector<RunResult> strike(const std::vector<std::string>& command, const fs::path& run,
                              const Strike& strike) {
  TemporaryFolder before;
  if (fs::exists(run)) fs::copy(run, before / "run", fs::copy_options::recursive);
  while (true) {
    std::vector<Program> processes =
        start_processes(command + std::vector<std::string>{"--output_dir", run}, strike.processes);
    Program& victim = processes[static_cast<size_t>(strike.victim)];
    while (victim.running() && last_logged_step(run) < strike.step)
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    std::this_thread::sleep_for(strike.later);
    victim.send(strike.signal);
    std::vector<RunResult> results;
    for (Program& process : processes) results.push_back(process.wait());
    if (results[static_cast<size_t>(strike.victim)].exit_code != 0) return results;
    put_back(run, before / "run");
  }
}

std::vector<Strike> seeded_strikes(const std::string& name, int count, int64_t first, int64_t apart) {
  std::seed_seq seed(name.begin(), name.end());
  std::mt19937 random(seed);
  std::vector<Strike> strikes(static_cast<size_t>(count));
  for (Strike& strike : strikes) {
    strike.step = first + static_cast<int64_t>(random()) % apart;
    strike.later = std::chrono::microseconds(random() % 8000);
    first += apart;
  }
  return strikes;
}

}  // namespace rlhf::test
