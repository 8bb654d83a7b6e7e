#pragma once

namespace rlhf::test {

/// While it lives, the chosen system call fails as on a bad or full disk. The test binary's own write, fsync
/// and rename stand in front of libc's, so the code under test (SQLite included) is the shipped one.
class FailingDisk {
 public:
  enum class Call { kWrite, kFsync, kRename };
  /// Lets `successes` calls through, then fails every one with `error` (an errno value).
  FailingDisk(Call call, int error, int successes = 0);
  ~FailingDisk();
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;
};

}  // namespace rlhf::test
