// `rlhf serve` as a user runs it: the program in a process of its own.
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/model_reference.h"
#include "contract/error.h"
#include "contract/sha256.h"
#include "model/scorer.h"
#include "rpc/checkpoint_client.h"
#include "rpc/model_address.h"
#include "rpc/reward_client.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/tokenizer.h"

extern char** environ;

namespace rlhf {
namespace {

namespace fs = std::filesystem;

/// The program with these arguments, its stdout in a pipe and its stderr in a file.
class Program {
 public:
  Program(std::vector<std::string> arguments, fs::path errors) : errors_(std::move(errors)) {
    arguments.insert(arguments.begin(), RLHF_PROGRAM);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors_.c_str(), O_CREAT | O_TRUNC | O_WRONLY,
                                     0600);
    REQUIRE(posix_spawn(&pid_, RLHF_PROGRAM, &actions, nullptr, raw.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    out_ = fdopen(ends[0], "r");
  }
  ~Program() {
    if (pid_ > 0) end(SIGKILL);
    fclose(out_);
  }

  std::string first_line() {
    char line[256] = "";
    return fgets(line, sizeof line, out_) ? line : "";
  }
  Address address() {
    const std::string line = first_line();
    INFO(line << test::read_file(errors_));
    return parse_server_address(nlohmann::json::parse(line).at("listening").get<std::string>(), "listening");
  }
  /// The exit code.
  int end(int signal = 0) {
    if (signal) kill(pid_, signal);
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string errors() const { return test::read_file(errors_); }

 private:
  fs::path errors_;
  pid_t pid_ = 0;
  FILE* out_ = nullptr;
};

CheckpointBytes small_model(const std::string& weights) {
  CheckpointBytes checkpoint;
  for (const auto& [name, bytes] : {std::pair<std::string, std::string>{"config.json", "{}"},
                                    std::pair<std::string, std::string>{"model.safetensors", weights}}) {
    checkpoint.manifest.files.push_back({name, bytes.size(), sha256_hex(bytes)});
    checkpoint.files.push_back({name, std::make_shared<const std::string>(bytes)});
  }
  checkpoint.manifest.model_hash = model_hash(checkpoint.manifest.files);
  return checkpoint;
}

/// A reward model's folder: a tiny classifier and some tokenizer.
fs::path reward_folder(const test::TemporaryFolder& root,
                       const std::string& model = "llama_tied_classifier") {
  const fs::path folder = root / ("reward model " + model);
  fs::create_directory(folder);
  const fs::path fixture = test::fixture("model/" + model);
  for (const char* file : {"config.json", "model.safetensors"}) fs::copy_file(fixture / file, folder / file);
  fs::copy_file(test::fixture("text/gpt2.json"), folder / "tokenizer.json");
  return folder;
}

}  // namespace

TEST_CASE("What is published outlives the server that took it") {
  const test::TemporaryFolder root;
  const std::vector<std::string> serve = {"serve", "--listen", "127.0.0.1:0", "--store", root / "store"};
  {
    Program program(serve, root / "stderr");
    const Address address = program.address();
    const std::string name = "grpc://" + address.text() + "/sft";
    CHECK(publish_model(name, small_model("one")).version == 1);
    CHECK(publish_model(name, small_model("two")).version == 2);
    CHECK(publish_model(name, small_model("one")).version == 1);
    CHECK(program.end(SIGINT) == kExitDone);
  }
  CHECK(test::read_file(root / "store/sft/2/model.safetensors") == "two");
  Program program(serve, root / "stderr");
  const std::string name = "grpc://" + program.address().text() + "/sft";
  CHECK(*fetch_model(name).find("model.safetensors")->bytes == "two");
  CHECK(*fetch_model(name + "@1").find("model.safetensors")->bytes == "one");
  CHECK_THROWS_AS(fetch_model(name + "@3"), UserError);
  CHECK(program.end(SIGTERM) == kExitDone);
}

TEST_CASE("A reward model that is served scores as the model itself does") {
  const test::TemporaryFolder root;
  const fs::path folder = reward_folder(root);
  Program program({"serve", "--listen", "127.0.0.1:0", "--reward_model", "gold=" + folder.string()},
                  root / "stderr");
  RewardClient client({program.address(), "gold", 0});
  const ModelFiles files = open_model(folder);
  CHECK(client.model_hash() == files.manifest().model_hash);
  CHECK(client.tokenizer_hash() == load_tokenizer(files).hash());

  LoadedScalarModel loaded = load_scalar_model(files, torch::kFloat32, torch::kCPU, false);
  ModelScorer scorer(std::move(loaded.model), loaded.normalizer);
  const std::vector<ScoreInput> inputs = {{{1, 5, 9}, {7, 2}}, {{3}, {60, 59, 58, 2}}};
  const std::vector<Score> here = scorer.score(inputs), there = client.score(inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    CHECK(there[i].raw == Approx(here[i].raw).margin(1e-6));
    CHECK(there[i].mean == Approx(here[i].mean).margin(1e-6));
  }
  CHECK(std::abs(here[0].raw - here[1].raw) > 1e-3);
  CHECK(program.end(SIGINT) == kExitDone);
}

TEST_CASE("An ensemble that is served scores by mean and spread, under a hash of its members' hashes") {
  const test::TemporaryFolder root;
  const fs::path first = reward_folder(root), second = reward_folder(root, "qwen3_classifier");
  Program program(
      {"serve", "--listen", "127.0.0.1:0", "--reward_model", "both=" + first.string() + "," + second.string(),
       "--reward_model", "first=" + first.string(), "--reward_model", "second=" + second.string()},
      root / "stderr");
  const Address address = program.address();
  RewardClient both({address, "both", 0}), one({address, "first", 0}), other({address, "second", 0});
  CHECK(both.model_hash() == sha256_hex(one.model_hash() + "\n" + other.model_hash() + "\n"));
  const std::vector<ScoreInput> inputs = {{{1, 5, 9}, {7, 2}}};
  const Score score = both.score(inputs)[0], a = one.score(inputs)[0], b = other.score(inputs)[0];
  CHECK(score.mean == Approx((a.mean + b.mean) / 2));
  CHECK(score.raw == Approx((a.raw + b.raw) / 2));
  CHECK(score.spread == Approx(std::abs(a.mean - b.mean) / 2));
  CHECK(score.spread > 1e-3);
  CHECK(a.spread == 0);
  CHECK(program.end(SIGINT) == kExitDone);
}

TEST_CASE("What cannot be served is said with the right exit code and nothing on stdout") {
  const test::TemporaryFolder root;
  const auto fails = [&](std::vector<std::string> arguments, int code, const std::string& why) {
    arguments.insert(arguments.begin(), "serve");
    Program program(arguments, root / "stderr");
    CHECK(program.first_line().empty());
    CHECK(program.end() == code);
    CHECK_THAT(program.errors(), test::contains(why));
  };
  fails({"--listen", "0.0.0.0:0", "--store", root / "store"}, kExitUserError, "0.0.0.0 is not this machine");
  fails({"--listen", "127.0.0.1", "--store", root / "store"}, kExitUserError, "is not HOST:PORT");
  fails({"--listen", "127.0.0.1:0"}, kExitUserError, "nothing to serve");
  fails({"--listen", "127.0.0.1:0", "--reward_model", root / "none"}, kExitUserError, "none");

  Program holder({"serve", "--listen", "127.0.0.1:0", "--store", root / "store"}, root / "holder");
  const Address taken = holder.address();
  fails({"--listen", taken.text(), "--store", root / "other"}, kExitWorldFailed,
        "cannot listen on " + taken.text());
  fails({"--listen", "127.0.0.1:0", "--store", root / "store"}, kExitUserError, "store");
}

}  // namespace rlhf
