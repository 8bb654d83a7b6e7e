#pragma once
#include <stdexcept>
#include <string>

namespace rlhf {

/// What the user gave is wrong: a flag, a file, a line, a value. The message names it and says what would fix
/// it. The command ends with exit code 2.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The world failed: a port in use, a server gone, a full disk, steps that stay non-finite. Exit code 1.
class WorldError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user asked to stop and everything was saved. Exit code 130.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum ExitCode : int { kExitDone = 0, kExitWorldFailed = 1, kExitUserError = 2, kExitInterrupted = 130 };

}  // namespace rlhf
