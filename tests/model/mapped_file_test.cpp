#include "model/mapped_file.h"

#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {
namespace {

struct Ended {
  int code;
  std::string said;
};

/// What a process says on standard error, and how it ends, when `path` loses its pages while it is mapped.
Ended read_what_was_cut(const std::filesystem::path& path) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    const MappedFile file(path);
    if (::truncate(path.c_str(), 0) != 0) ::_exit(3);
    const volatile char byte = file.bytes().back();
    ::_exit(byte == 'x' ? 4 : 5);
  }
  ::close(ends[1]);
  Ended ended{};
  char buffer[512];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    ended.said.append(buffer, static_cast<size_t>(count));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return ended;
}

}  // namespace

TEST_CASE("a file that is cut short while it is mapped is an error that names it, not a crash") {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder / "model.safetensors";
  std::ofstream(path) << std::string(100'000, 'x');
  std::ofstream(folder / "other") << "y";
  const MappedFile other(folder / "other");  // is not blamed
  const Ended ended = read_what_was_cut(path);
  CHECK(ended.code == 1);
  CHECK(ended.said == "rlhf: " + path.string() + ": was cut short while it was in use, or its disk fails\n");
}

}  // namespace rlhf
