#pragma once
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace rlhf::test {

struct RunOptions {
  std::string input = {};                               ///< what the program reads from standard input
  std::map<std::string, std::string> environment = {};  ///< added to the test's own
  /// Bytes that a file of the program's may have; writing past it fails in the kernel, as on a full disk.
  std::optional<uint64_t> largest_file = {};
  std::chrono::seconds limit{120};  ///< a program that takes longer is killed and fails the test
};

struct RunResult {
  int exit_code = 0;  ///< 128 + the signal when a signal ended it
  std::string out;    ///< standard output
  std::string err;    ///< standard error
};

/// The program under test, `rlhf ARGUMENTS...`, as a process of its own: no shell, no pipe that could fill
/// up. It is killed when it outlives this object or the test.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments, RunOptions options = {});
  ~Program();
  Program(Program&&) noexcept = default;
  Program(const Program&) = delete;

  bool running();
  void send(int signal);
  /// Its standard output as far as it is written.
  std::string out() const;
  std::string err() const;
  /// HOST:PORT of the first line that a server prints. Throws std::runtime_error when it ends without one.
  std::string listening();
  RunResult wait();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, CloseFile>;
  void require_time();

  std::vector<std::string> arguments_;
  File in_, out_, err_;
  std::chrono::steady_clock::time_point deadline_;
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

/// Runs `rlhf ARGUMENTS...` to its end.
RunResult run(std::vector<std::string> arguments, RunOptions options = {});

/// The same for a command that must succeed: throws std::runtime_error with its words when it does not.
RunResult run_well(std::vector<std::string> arguments, RunOptions options = {});

/// One command line of several parts.
std::vector<std::string> operator+(std::vector<std::string> first, const std::vector<std::string>& second);

}  // namespace rlhf::test
