// Commands that cannot be right, and folders and ledgers that are somebody else's.
#include <algorithm>
#include <csignal>

#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/strike.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;

Flags sft_into(const fs::path& run) {
  return train_on_tiny("sft") + Flags{"--max_steps", "2", "--output_dir", run};
}

/// The refusal, and that it changed no file of the folder.
void check_leaves_alone(const fs::path& folder, const Flags& command, const Words& words,
                        int exit_code = kExitUserError) {
  const auto before = snapshot(folder);
  check_refused(command, words, exit_code);
  CHECK(snapshot(folder) == before);
}

}  // namespace

TEST_CASE("the folder of another run is left alone", "[bad_runs]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run";
  run_well(sft_into(run));
  check_leaves_alone(run, sft_into(run) + Flags{"--learning_rate", "2e-3", "--seed", "7"},
                     {run.string(), "learning_rate", "1e-3", "2e-3", "seed", "--output_dir"});
  check_leaves_alone(
      run,
      sft_into(run) +
          Flags{"--dataset", tiny().json_lines("other.jsonl", {{{"prompt", "a"}, {"completion", "b"}}})},
      {"data_hash"});
  check_leaves_alone(run, train_on_tiny("reward") + Flags{"--output_dir", run}, {"stage", "reward"});
  check_leaves_alone(run, sft_into(run) + Flags{"--resume_from_checkpoint", "none"}, {"holds a run already"});
  check_leaves_alone(run, sft_into(run) + Flags{"--resume_from_checkpoint", folder / "nowhere"},
                     {"nowhere", "no such folder"});

  fs::create_directory(folder / "foreign");
  write_file(folder / "foreign" / "metrics.jsonl", "{}\n");
  check_leaves_alone(folder / "foreign", sft_into(folder / "foreign"), {"metrics.jsonl", "another program"});
  write_file(folder / "file", "");
  check_refused(sft_into(folder / "file"), {"--output_dir must be a folder"});
}

TEST_CASE("a checkpoint of another run is not gone on with", "[bad_runs]") {
  TemporaryFolder folder;
  const fs::path sft = folder / "sft", pretrain = folder / "pretrain", fresh = folder / "fresh";
  run_well(sft_into(sft));
  run_well(train_on_tiny("pretrain") + Flags{"--max_steps", "2", "--output_dir", pretrain});
  const auto going_on_from = [&](const fs::path& checkpoint) {
    return sft_into(fresh) + Flags{"--resume_from_checkpoint", checkpoint};
  };
  check_refused(going_on_from(sft / "checkpoint-2") + Flags{"--seed", "7"},
                {"checkpoint-2", "seed", "7\" given"});
  check_refused(going_on_from(pretrain / "checkpoint-2"), {"checkpoint-2", "stage"});
  // Away from the run.json beside it, a checkpoint still says what it is.
  fs::copy(pretrain / "checkpoint-2", folder / "moved");
  check_refused(going_on_from(folder / "moved"), {"moved", "stage 'pretrain'", "not 'sft'"});
  CHECK(!fs::exists(fresh));
  fs::copy(sft / "checkpoint-2", folder / "mine");
  run_well(going_on_from(folder / "mine"));
}

TEST_CASE("a run that is measured in other ways is another run", "[bad_runs]") {
  TemporaryFolder folder;
  const fs::path sft = folder / "sft", ppo = folder / "ppo", reward = folder / "reward";
  run_well(sft_into(sft));
  check_leaves_alone(sft, sft_into(sft) + Flags{"--eval_dataset", tiny().demonstrations},
                     {"hash_of.eval_data"});
  const Flags one_iteration = train_on_tiny("ppo") + Flags{"--max_steps", "1", "--output_dir", ppo};
  run_well(one_iteration);
  check_leaves_alone(ppo, one_iteration + Flags{"--gold_reward_model", tiny().reward_model},
                     {"hash_of.gold_reward_model"});
  const Flags one_step =
      train_on_tiny("reward") + Flags{"--response_length", "6", "--max_steps", "1", "--output_dir", reward};
  run_well(one_step);
  check_leaves_alone(reward, one_step + Flags{"--policy", tiny().policy}, {"hash_of.policy"});
}

TEST_CASE("a run with another number of processes is another run", "[bad_runs]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run";
  run_well(sft_into(run));
  std::vector<Program> two = start_processes(sft_into(run), 2);
  const RunResult first = two[0].wait();
  CHECK(first.exit_code == kExitUserError);
  CHECK_THAT(first.err, contains("world_size: 1 there, 2 given"));
  CHECK(two[1].wait().exit_code != 0);
}

TEST_CASE("a folder that another process is writing is left alone", "[bad_runs]") {
  TemporaryFolder folder;
  const fs::path run = folder / "run";
  const Flags command = train_on_tiny("sft") + Flags{"--max_steps", "100000", "--output_dir", run};
  Program first(command);
  while (first.running() && last_logged_step(run) < 10) {
  }
  first.send(SIGSTOP);
  check_leaves_alone(run, command, {run.string(), "in use by another process"});
}

TEST_CASE("training in float64 is refused before anything is written", "[bad_runs]") {
  for (const std::string& stage : trainers()) {
    INFO(stage);
    Flags command = train_on_tiny(stage);
    std::replace(command.begin(), command.end(), std::string("float32"), std::string("float64"));
    check_run_refused(command, {"--dtype float64", "use auto, float32 or bfloat16"});
  }
}

TEST_CASE("a ledger of a newer schema, or no ledger at all, is refused and left as it is", "[bad_runs]") {
  TemporaryFolder folder;
  const std::string newer = folder / "newer.db", other = folder / "other.db", text = folder / "text.db";
  run_well({"data", "import", "--db", newer, tiny().demonstrations, tiny().rankings});
  SQLite::Database(newer, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999");
  SQLite::Database(other, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE cats(name)");
  write_file(text, std::string(5000, 'x'));
  const std::vector<std::pair<std::string, Words>> bad = {
      {newer, {newer, "schema version 999", "newer program"}},
      {other, {other, "not a ledger"}},
      {text, {text, "not an SQLite database"}}};
  for (const auto& [db, words] : bad) {
    INFO(db);
    check_leaves_alone(folder.path(), {"data", "stats", "--db", db}, words);
    check_run_refused(train_flags("sft") + Flags{"--db", db}, words);
  }
  const Words words = bad.front().second;
  check_leaves_alone(folder.path(), {"data", "import", "--db", newer, tiny().rankings}, words);
  check_leaves_alone(folder.path(), {"evaluate", "reward", "--model", tiny().reward_model, "--db", newer},
                     words);
  check_run_refused(train_on_tiny("ppo") + Flags{"--ledger", newer}, words);
  check_run_refused(train_flags("reward") + Flags{"--db", folder / "absent.db"},
                    {"absent.db does not exist"});
}

TEST_CASE("PPO refuses filters of its sampling, and settings that exclude one another", "[bad_runs]") {
  for (const Flags& filter : {Flags{"--top_k", "50"}, Flags{"--top-p", "0.9"}, Flags{"--min_p", "0.1"},
                              Flags{"--repetition_penalty", "1.2"}})
    check_run_refused(train_on_tiny("ppo") + filter, {"is refused in PPO", "KL"});
  check_run_refused(train_on_tiny("ppo") + Flags{"--missing_eos_score", "-1", "--missing_eos_penalty", "1"},
                    {"missing_eos"});
  check_run_refused(train_on_tiny("ppo") + Flags{"--temperature", "0"}, {"temperature"});
  const std::vector<std::pair<std::string, std::string>> senseless = {
      {"rollout_batch_size", "0"}, {"kl_coef", "-1"},           {"kl_coef", "inf"},
      {"kl_target", "-5"},         {"kl_horizon", "0"},         {"missing_eos_score", "nan"},
      {"temperature", "1e-9"},     {"ent_coef", "nan"},         {"critic_learning_rate", "-1e-5"},
      {"lease_seconds", "0"},      {"generation_threads", "0"}, {"generation_threads", "100000"}};
  check_run_refused(train_on_tiny("ppo") + Flags{"--kl_target", "6", "--kl_horizon", "2"},
                    {"kl_horizon", "12 responses"});
  check_run_refused(train_on_tiny("ppo") + Flags{"--kl_target", "6", "--kl_coef", "0"},
                    {"kl_coef", "kl_target"});
  for (const auto& [name, value] : senseless)
    check_run_refused(train_on_tiny("ppo") + Flags{"--" + name, value}, {name});
}

TEST_CASE("flags that make no sense are refused by name", "[bad_runs]") {
  const std::vector<std::pair<Flags, std::string>> bad = {
      {{"--learning_rate", "fast"}, "learning_rate"},
      {{"--learning_rate", "-1"}, "learning_rate"},
      {{"--save_total_limit", "-1"}, "save_total_limit"},
      {{"--max_grad_norm", "nan"}, "max_grad_norm"},
      {{"--threads", "-1"}, "threads"},
      {{"--per_device_train_batch_size", "0"}, "per_device_train_batch_size"},
      {{"--dtype", "float99"}, "float99"},
      {{"--device", "tpu"}, "tpu"},
      {{"--lr_scheduler_type", "zigzag"}, "zigzag"},
      {{"--no_such_flag"}, "no_such_flag"},
      {{"--publish", "somewhere"}, "somewhere"},
      {{"--publish", "grpc://127.0.0.1:7/name@3"}, "@"},
      {{"--config", "/nowhere/config.toml"}, "/nowhere/config.toml"},
      {{"--config", tiny().file("bad.toml", "no_such_key = 3\n")}, "no_such_key"}};
  for (const auto& [flags, word] : bad) check_run_refused(train_on_tiny("sft") + flags, {word});
  check_refused({"no_such_command"}, {"no_such_command"});
  check_refused({}, {"subcommand"});
}

TEST_CASE("addresses beyond this machine are refused", "[bad_runs]") {
  for (const char* address : {"0.0.0.0:0", "192.0.2.1:5000", "[::]:0"}) {
    INFO(address);
    TemporaryFolder folder;
    check_refused({"serve", "--listen", address, "--store", folder / "store"}, {address});
    CHECK(fs::is_empty(folder.path()));
    check_run_refused(train_on_tiny("ppo") + Flags{"--listen", address}, {address});
  }
  check_run_refused(train_on_tiny("sft") + Flags{"--model", "grpc://192.0.2.1:5000/model"}, {"192.0.2.1"});
  check_refused({"rollout", "--learner", "grpc://192.0.2.1:5000"}, {"192.0.2.1"});
}

}  // namespace rlhf::test
