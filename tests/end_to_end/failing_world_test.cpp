// A world that fails: ports, servers, disks and numbers. The command ends with exit code 1 and says what
// happened; what was durable stays, what was not is not there by half.
#include <csignal>
#include <thread>

#include "tests/end_to_end/ports.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;

std::string nobody() {
  return "127.0.0.1:" + std::to_string(free_port());
}

}  // namespace

TEST_CASE("a port in use is told", "[failing_world]") {
  const TakenPort port;
  const std::string address = "127.0.0.1:" + std::to_string(port.number());
  TemporaryFolder folder;
  check_refused({"serve", "--listen", address, "--store", folder / "store"}, {address, "in use"},
                kExitWorldFailed);
  check_run_refused(train_on_tiny("ppo") + Flags{"--listen", address}, {address, "in use"}, kExitWorldFailed);
}

TEST_CASE("a server that is not there is told", "[failing_world]") {
  const std::string address = nobody();
  check_run_refused({"sft", "--model", "grpc://" + address + "/model", "--dataset", tiny().demonstrations},
                    {address}, kExitWorldFailed);
  check_run_refused(train_on_tiny("reward") + Flags{"--policy", "grpc://" + address + "/model"}, {address},
                    kExitWorldFailed);
  check_refused({"rollout", "--learner", "grpc://" + address, "--redial_seconds", "1"},
                {address, "no learner"}, kExitWorldFailed);
}

TEST_CASE("a final model that could not be published is kept, and sent by the same command",
          "[failing_world]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run";
  const std::string address = nobody();
  const Flags command =
      train_on_tiny("sft") +
      Flags{"--max_steps", "2", "--output_dir", run, "--publish", "grpc://" + address + "/sft"};
  check_refused(command, {address}, kExitWorldFailed);
  const std::string metrics = read_file(run / "metrics.jsonl"), weights = final_weights(run);
  Program server({"serve", "--listen", address, "--store", folder / "store"});
  server.listening();
  CHECK_THAT(run_well(command).err, contains("Published as grpc://" + address + "/sft@1"));
  CHECK(read_file(run / "metrics.jsonl") == metrics);
  CHECK(final_weights(run) == weights);
  CHECK(read_file(folder / "store" / "sft" / "1" / "model.safetensors") ==
        read_file(run / "final" / "model.safetensors"));
}

TEST_CASE("a worker whose learner goes away says so", "[failing_world]") {
  TemporaryFolder folder;
  Program learner(train_on_tiny("ppo") + Flags{"--listen", "127.0.0.1:0", "--output_dir", folder / "run"});
  const std::string address = learner.listening();
  Program worker({"rollout", "--learner", "grpc://" + address, "--redial_seconds", "1"});
  while (learner.running() && last_logged_step(folder / "run") < 2)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  learner.send(SIGKILL);
  const RunResult ended = worker.wait();
  CHECK(ended.exit_code == kExitWorldFailed);
  CHECK_THAT(ended.err, contains("no learner for 1 s"));
  CHECK_THAT(ended.err, contains(address));
}

TEST_CASE("a learner that waits for workers can be stopped", "[failing_world]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run";
  const Flags command =
      train_on_tiny("ppo") + Flags{"--listen", "127.0.0.1:0", "--max_steps", "4", "--output_dir", run};
  SECTION("before the first step") {
    Program learner(command);
    learner.listening();
    while (learner.running() && learner.err().find("Waiting for workers") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    learner.send(SIGINT);
    const RunResult ended = learner.wait();
    CHECK(ended.exit_code == 130);
  }
  SECTION("after some") {
    Program learner(command);
    Program worker({"rollout", "--learner", "grpc://" + learner.listening()});
    while (learner.running() && last_logged_step(run) < 2)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    worker.send(SIGSTOP);
    learner.send(SIGINT);
    const RunResult ended = learner.wait();
    CHECK(ended.exit_code == 130);
    CHECK(checkpoint_steps(run).size() == 1);
    CHECK_THAT(ended.err, contains("which is saved"));
  }
}

TEST_CASE("a checkpoint whose hash is wrong is not used", "[failing_world]") {
  TemporaryFolder folder;
  Program server({"serve", "--listen", "127.0.0.1:0", "--store", folder / "store"});
  const std::string model = "grpc://" + server.listening() + "/sft";
  run_well(train_on_tiny("sft") +
           Flags{"--max_steps", "1", "--output_dir", folder / "run", "--publish", model});
  const fs::path weights = folder / "store" / "sft" / "1" / "model.safetensors";
  std::string bytes = read_file(weights);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  fs::permissions(weights, fs::perms::owner_write, fs::perm_options::add);
  write_file(weights, bytes);
  check_run_refused({"sft", "--model", model, "--dataset", tiny().demonstrations}, {"model.safetensors"},
                    kExitWorldFailed);
}

TEST_CASE("a loss that stays non-finite ends the run after five refused steps", "[failing_world]") {
  for (const std::string& stage : trainers()) {
    INFO(stage);
    TemporaryFolder folder;
    const fs::path run = folder / "run";
    Flags command =
        train_on_tiny(stage) + Flags{"--max_steps",     "20",   "--logging_steps", "1", "--output_dir", run,
                                     "--learning_rate", "1e38", "--max_grad_norm", "0"};
    if (stage == "ppo") command = command + Flags{"--num_ppo_epochs", "1", "--num_mini_batches", "1"};
    check_refused(command, {"5 optimizer steps in a row", "not finite", "--learning_rate"}, kExitWorldFailed);
    CHECK(!fs::exists(run / "final"));
    CHECK(metric_rows(run).back()["skipped_steps"].get<double>() >= 1);
  }
}

TEST_CASE("a disk that is full is told, and nothing half-written counts", "[failing_world]") {
  RunOptions full;
  full.largest_file = 12000;  // less than the weights take
  for (const std::string& stage : trainers()) {
    INFO(stage);
    TemporaryFolder folder;
    const fs::path run = folder / "run";
    Flags command =
        train_on_tiny(stage) + Flags{"--max_steps", "3", "--save_steps", "1", "--output_dir", run};
    if (stage == "ppo") command = command + Flags{"--ledger", "none"};
    check_refused(command, {run.string()}, kExitWorldFailed, full);
    CHECK(checkpoint_steps(run).empty());
    CHECK(!fs::exists(run / "final"));
    run_well(command);  // and goes on once there is room
    CHECK(checkpoint_steps(run).back() == 3);
    CHECK(timeless_metric_rows(run).size() == metric_rows(run).size());
  }
}

TEST_CASE("answers and ledgers that do not fit the disk are told", "[failing_world]") {
  const std::string prompt = R"({"prompt": "The film"})";
  const Flags generate = {"generate", "--model", tiny().policy, "--max_new_tokens", "20"};
  check_refused(generate + Flags{"--output", "/dev/full"}, {"/dev/full", "disk full"}, kExitWorldFailed,
                {.input = prompt});
  RunOptions full{.input = prompt, .largest_file = 100};
  const RunResult cut = run(generate, full);
  CHECK(cut.exit_code == kExitWorldFailed);
  CHECK_THAT(cut.err, contains("standard output"));

  TemporaryFolder folder;
  full.largest_file = 20000;
  check_refused({"data", "import", "--db", folder / "ledger.db", tiny().rankings}, {"ledger.db"},
                kExitWorldFailed, full);
  check_refused({"tokenizer", "train", "--files", tiny().texts, "--vocab_size", "300", "--output_dir",
                 folder / "tokenizer"},
                {"tokenizer"}, kExitWorldFailed, {.largest_file = 1000});
  CHECK(!fs::exists(folder / "tokenizer"));
}

}  // namespace rlhf::test
