#include "storage/checkpoint_directory.h"

#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "contract/sha256.h"
#include "storage/atomic_folder.h"
#include "tests/storage/failing_disk.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
using test::FailingDisk;
namespace fs = std::filesystem;

namespace {

const CheckpointIdentity kIdentity{"sft", std::string(64, 'a'), {std::string(64, 'b')}};

std::function<void(const fs::path&)> writer(const std::string& weights) {
  return [weights](const fs::path& folder) {
    write_file_durably(folder / "model.safetensors", weights);
    write_file_durably(folder / "config.json", "{}");
    write_file_durably(folder / "optimizer.safetensors", "moments of " + weights);
  };
}

std::set<std::string> names(const fs::path& folder) {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder)) found.insert(entry.path().filename().string());
  return found;
}

}  // namespace

TEST_CASE("a checkpoint carries a manifest with size and SHA-256 of every file") {
  test::TemporaryFolder run;
  CheckpointDirectory directory(run.path(), kIdentity);
  directory.save(10, writer("w10"));
  const CheckpointManifest manifest = verify(run / "checkpoint-10");
  REQUIRE(manifest.files.size() == 3);
  CHECK(manifest.files[0].name == "config.json");
  CHECK(manifest.files[1] == ManifestEntry{"model.safetensors", 3, sha256_hex("w10")});
  CHECK(manifest.stage == "sft");
  CHECK(manifest.step == 10);
  CHECK(manifest.tokenizer_hash == kIdentity.tokenizer_hash);
  CHECK(manifest.parents == kIdentity.parents);
  CHECK(manifest.model_hash == model_hash(manifest.files));
}

TEST_CASE("the limit drops the lowest steps, never the one just saved nor what is not ours") {
  test::TemporaryFolder run;
  fs::create_directories(run / "checkpoint-1");  // no manifest: somebody else's
  test::write_file(run / "checkpoint-1/mine", "keep");
  CheckpointDirectory reward(run.path(), {"reward", "", {}}, 1);
  reward.save(2, writer("another run"));
  test::write_file(run / "checkpoint-best", "keep");
  CheckpointDirectory directory(run.path(), kIdentity, 2);
  for (const int64_t step : {10, 20, 100, 30}) directory.save(step, writer("w"));
  CHECK(names(run.path()) == std::set<std::string>{"checkpoint-1", "checkpoint-2", "checkpoint-30",
                                                   "checkpoint-100", "checkpoint-best"});
  directory.truncate_after(30);
  CHECK_FALSE(fs::exists(run / "checkpoint-100"));

  CheckpointDirectory all(run.path(), kIdentity, 0);
  for (const int64_t step : {40, 50, 60}) all.save(step, writer("w"));
  CHECK(names(run.path()).size() == 7);
  CHECK_THROWS_AS(CheckpointDirectory(run.path(), kIdentity, -1), UserError);
}

TEST_CASE("saving a step again and final again replaces it") {
  test::TemporaryFolder run;
  CheckpointDirectory directory(run.path(), kIdentity);
  for (const std::string weights : {"first", "second"}) {
    directory.save(5, writer(weights));
    directory.save_final(5, writer(weights));
  }
  CHECK(test::read_file(run / "checkpoint-5/model.safetensors") == "second");
  CHECK(test::read_file(run / "final/model.safetensors") == "second");
  CHECK(verify(run / "final").step == 5);
}

TEST_CASE("the latest checkpoint is the highest whole one") {
  test::TemporaryFolder run;
  CHECK_FALSE(latest_checkpoint(run.path()));
  CHECK_FALSE(latest_checkpoint(run / "absent"));
  CheckpointDirectory directory(run.path(), kIdentity, 0);
  for (const int64_t step : {9, 10, 100}) directory.save(step, writer("w"));
  fs::create_directory(run / "checkpoint-1000");
  fs::create_directory(run / "checkpoint-0200");
  test::write_file(run / "checkpoint-100/notes.txt", "mine");  // is told by verify, and loses no checkpoint
  CHECK(latest_checkpoint(run.path()) == run / "checkpoint-100");
  fs::remove(run / "checkpoint-100/optimizer.safetensors");
  CHECK(latest_checkpoint(run.path()) == run / "checkpoint-10");
  fs::resize_file(run / "checkpoint-10/config.json", 1);
  CHECK(latest_checkpoint(run.path()) == run / "checkpoint-9");
}

TEST_CASE("verify names the file that is missing, cut, changed or extra") {
  test::TemporaryFolder run;
  CheckpointDirectory(run.path(), kIdentity).save(1, writer("weights"));
  const fs::path folder = run / "checkpoint-1";
  SECTION("missing") {
    fs::remove(folder / "config.json");
    CHECK_THROWS_WITH(verify(folder), test::contains("config.json is missing"));
  }
  SECTION("cut") {
    fs::resize_file(folder / "model.safetensors", 3);
    CHECK_THROWS_WITH(verify(folder), test::contains("model.safetensors has 3 bytes; manifest.json says 7"));
  }
  SECTION("changed") {
    test::write_file(folder / "model.safetensors", "Weights");
    CHECK_THROWS_WITH(verify(folder), test::contains("model.safetensors is damaged"));
    CHECK_THROWS_WITH(read_checkpoint_bytes(folder), test::contains("model.safetensors is damaged"));
  }
  SECTION("extra") {
    test::write_file(folder / "model-00002.safetensors", "");
    CHECK_THROWS_WITH(verify(folder), test::contains("model-00002.safetensors is not listed"));
    CHECK_THROWS_AS(read_checkpoint_bytes(folder), UserError);
  }
  SECTION("no manifest text") {
    test::write_file(folder / "manifest.json", "[1,");
    CHECK_THROWS_WITH(verify(folder), test::contains("is not a manifest"));
  }
  SECTION("a path in the manifest") {
    std::string text = test::read_file(folder / "manifest.json");
    text.replace(text.find("config.json"), 11, "../evil.txt");
    test::write_file(folder / "manifest.json", text);
    CHECK_THROWS_WITH(verify(folder), test::contains("../evil.txt"));
  }
}

TEST_CASE("a plain Hugging Face folder is accepted with its model files hashed") {
  test::TemporaryFolder folder;
  test::write_file(folder / "config.json", "{}");
  test::write_file(folder / "model.safetensors", "weights");
  test::write_file(folder / "README.md", "about");
  fs::create_directory(folder / "onnx");
  const CheckpointBytes bytes = read_checkpoint_bytes(folder.path());
  REQUIRE(bytes.files.size() == 2);
  CHECK(*bytes.find("model.safetensors")->bytes == "weights");
  CHECK(bytes.manifest.model_hash == verify(folder.path()).model_hash);
  test::TemporaryFolder empty;
  CHECK_THROWS_AS(read_checkpoint_bytes(empty.path()), UserError);
  CHECK_THROWS_AS(read_checkpoint_bytes(empty / "absent"), UserError);
}

TEST_CASE("bytes written and read again are the same checkpoint") {
  test::TemporaryFolder run;
  CheckpointDirectory(run.path(), kIdentity).save(1, writer("weights"));
  const CheckpointBytes bytes = read_checkpoint_bytes(run / "checkpoint-1");
  write_checkpoint_bytes(bytes, run / "copy");
  CHECK(verify(run / "copy").files == bytes.manifest.files);
  CHECK(test::read_file(run / "copy/manifest.json") == test::read_file(run / "checkpoint-1/manifest.json"));
  CHECK_THROWS_AS(write_checkpoint_bytes(bytes, run / "copy"), UserError);
}

TEST_CASE("bytes that do not fit their manifest are refused before anything is written") {
  test::TemporaryFolder run;
  CheckpointDirectory(run.path(), kIdentity).save(1, writer("weights"));
  CheckpointBytes bytes = read_checkpoint_bytes(run / "checkpoint-1");
  SECTION("changed byte") {
    bytes.files[1].bytes = std::make_shared<std::string>("Weights");
  }
  SECTION("file missing") {
    bytes.files.pop_back();
  }
  SECTION("separator in a name") {
    bytes.files[0].name = bytes.manifest.files[0].name = "../config.json";
    bytes.manifest.model_hash = model_hash(bytes.manifest.files);
  }
  SECTION("hidden name") {
    bytes.files[0].name = bytes.manifest.files[0].name = "..";
  }
  SECTION("listed twice") {
    bytes.files.insert(bytes.files.begin(), bytes.files[0]);
    bytes.manifest.files.insert(bytes.manifest.files.begin(), bytes.manifest.files[0]);
  }
  SECTION("wrong model hash") {
    bytes.manifest.model_hash = std::string(64, '0');
  }
  CHECK_THROWS_AS(write_checkpoint_bytes(bytes, run / "copy"), WorldError);
  CHECK(names(run.path()) == std::set<std::string>{"checkpoint-1"});
}

TEST_CASE("a save that fails leaves the earlier checkpoints as they were") {
  test::TemporaryFolder run;
  CheckpointDirectory directory(run.path(), kIdentity, 1);
  directory.save(1, writer("good"));
  for (const FailingDisk::Call call : {FailingDisk::Call::kWrite, FailingDisk::Call::kFsync}) {
    FailingDisk full(call, ENOSPC, 3);  // files go through, the manifest does not
    CHECK_THROWS_AS(directory.save(2, writer("lost")), WorldError);
  }
  CHECK(names(run.path()) == std::set<std::string>{"checkpoint-1"});
  CHECK(verify(run / "checkpoint-1").step == 1);
}

TEST_CASE("a save killed at any moment leaves a whole checkpoint, and the next start cleans up") {
  test::TemporaryFolder run;
  CheckpointDirectory(run.path(), kIdentity).save(1, writer("w"));
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      CheckpointDirectory directory(run.path(), kIdentity, 2);
      for (int64_t step = 2;; ++step) directory.save(step, writer(std::string(20000, 'w')));
    }
    usleep(static_cast<useconds_t>(3000 + 1700 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const auto latest = latest_checkpoint(run.path());
    REQUIRE(latest);
    verify(*latest);
  }
  CheckpointDirectory again(run.path(), kIdentity, 2);
  for (const std::string& name : names(run.path())) {
    CHECK(name.starts_with("checkpoint-"));
    verify(run / name);
  }
}
