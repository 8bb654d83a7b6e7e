// rpc_test_worker ADDRESS NAME [hang]: a rollout worker with a FakeRunner; with "hang" it never ends its
// first unit.
#include <iostream>
#include <string>

#include <unistd.h>

#include "contract/error.h"
#include "tests/rpc/fakes.h"

int main(int argc, char** argv) {
  using namespace rlhf;
  WorkerOptions options;
  options.learner = parse_server_address(argv[1], "ADDRESS");
  options.name = argv[2];
  options.redial = std::chrono::seconds(1);
  const bool hang = argc > 3;
  const MakeRunner make = [&](const RunnerModels& models, const RolloutUnit& unit) {
    while (hang) pause();
    return test::fake_runners()(models, unit);
  };
  try {
    return run_worker(options, make).finished ? kExitDone : kExitInterrupted;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return kExitWorldFailed;
  }
}
