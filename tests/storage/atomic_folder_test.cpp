#include "storage/atomic_folder.h"

#include <cerrno>
#include <csignal>
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "tests/storage/failing_disk.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
using test::FailingDisk;
namespace fs = std::filesystem;

namespace {

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

void write_two(const fs::path& folder) {
  write_file_durably(folder / "a", "1");
  fs::create_directory(folder / "sub");
  write_file_durably(folder / "sub" / "b", "2");
}

/// A child that is killed while it holds a half-written folder for `destination`.
void leave_a_leftover(const fs::path& destination) {
  const pid_t child = fork();
  if (child == 0) {
    write_folder_atomically(destination, [](const fs::path& folder) {
      std::ofstream(folder / "half") << "x";
      raise(SIGKILL);
    });
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
}

}  // namespace

TEST_CASE("a folder appears with everything in it, parents included") {
  test::TemporaryFolder root;
  write_folder_atomically(root / "new/parent/model/", write_two);
  CHECK(test::read_file(root / "new/parent/model/sub/b") == "2");
  CHECK(entries(root / "new/parent") == 1);
}

TEST_CASE("an occupied destination is refused before anything is written, an empty one is taken") {
  test::TemporaryFolder root;
  fs::create_directory(root / "occupied");
  test::write_file(root / "occupied/mine", "keep");
  bool called = false;
  CHECK_THROWS_AS(write_folder_atomically(root / "occupied", [&](const fs::path&) { called = true; }),
                  UserError);
  CHECK_FALSE(called);
  CHECK(test::read_file(root / "occupied/mine") == "keep");

  test::write_file(root / "file", "");
  CHECK_THROWS_AS(write_folder_atomically(root / "file", write_two), UserError);

  fs::create_directory(root / "empty");
  write_folder_atomically(root / "empty", write_two);
  CHECK(fs::exists(root / "empty/a"));
}

TEST_CASE("replacing swaps the whole folder") {
  test::TemporaryFolder root;
  write_folder_atomically(root / "model", write_two);
  write_folder_atomically(
      root / "model", [](const fs::path& folder) { write_file_durably(folder / "c", "3"); },
      IfExists::kReplace);
  CHECK(entries(root / "model") == 1);
  CHECK(entries(root.path()) == 1);
}

TEST_CASE("when the writer throws nothing is left and the old folder stays") {
  test::TemporaryFolder root;
  write_folder_atomically(root / "model", write_two);
  const auto broken = [](const fs::path& folder) {
    write_file_durably(folder / "half", "x");
    throw UserError("bad tensor");
  };
  CHECK_THROWS_AS(write_folder_atomically(root / "model", broken, IfExists::kReplace), UserError);
  CHECK_THROWS_AS(write_folder_atomically(root / "other", broken), UserError);
  CHECK(fs::exists(root / "model/a"));
  CHECK(entries(root.path()) == 1);
}

TEST_CASE("a full or failing disk is a WorldError that says so, and nothing is left") {
  test::TemporaryFolder root;
  write_folder_atomically(root / "model", write_two);
  const auto replace = [&] { write_folder_atomically(root / "model", write_two, IfExists::kReplace); };
  {
    FailingDisk full(FailingDisk::Call::kWrite, ENOSPC);
    CHECK_THROWS_WITH(replace(), test::contains("No space left on device"));
    CHECK_THROWS_AS(replace(), WorldError);
  }
  for (int successes = 0; successes < 6; ++successes) {  // files, sub-folder, folder
    FailingDisk bad(FailingDisk::Call::kFsync, EIO, successes);
    CHECK_THROWS_AS(replace(), WorldError);
  }
  {
    FailingDisk bad(FailingDisk::Call::kRename, EIO);
    CHECK_THROWS_AS(replace(), WorldError);
  }
  CHECK(test::read_file(root / "model/sub/b") == "2");
  CHECK(entries(root.path()) == 1);

  const auto stream = [](const fs::path& folder) {
    std::ofstream file;
    file.exceptions(std::ios::failbit | std::ios::badbit);
    file.open(folder / "absent" / "file");
  };
  CHECK_THROWS_AS(write_folder_atomically(root / "stream", stream), WorldError);
}

TEST_CASE("leftovers of the killed go, the work of the living stays") {
  test::TemporaryFolder root;
  leave_a_leftover(root / "model");
  CHECK(entries(root.path()) == 1);
  CHECK_FALSE(fs::exists(root / "model"));
  test::write_file(root / ".mine.partial-notes", "keep");
  write_folder_atomically(root / "second", [&](const fs::path& folder) {
    remove_leftovers(root.path());
    CHECK(fs::exists(folder));
    write_two(folder);
  });
  CHECK(fs::exists(root / "second/a"));
  CHECK(fs::exists(root / ".mine.partial-notes"));
  CHECK(entries(root.path()) == 2);
}

TEST_CASE("a file is replaced whole") {
  test::TemporaryFolder root;
  write_file_atomically(root / "run.json", "old");
  {
    FailingDisk full(FailingDisk::Call::kWrite, ENOSPC);
    CHECK_THROWS_AS(write_file_atomically(root / "run.json", "new"), WorldError);
  }
  CHECK(test::read_file(root / "run.json") == "old");
  write_file_atomically(root / "run.json", "new");
  CHECK(test::read_file(root / "run.json") == "new");
  CHECK(entries(root.path()) == 1);
}
