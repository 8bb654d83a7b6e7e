#include "tests/storage/failing_disk.h"

#include <atomic>
#include <cerrno>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

struct Fault {
  std::atomic<int> error{0};
  std::atomic<int> successes_left{0};

  bool strikes() {
    if (error == 0 || successes_left-- > 0) return false;
    errno = error;
    return true;
  }
};

Fault faults[3];

bool strikes(rlhf::test::FailingDisk::Call call) {
  return faults[static_cast<int>(call)].strikes();
}

}  // namespace

namespace rlhf::test {

FailingDisk::FailingDisk(Call call, int error, int successes) {
  faults[static_cast<int>(call)].successes_left = successes;
  faults[static_cast<int>(call)].error = error;
}

FailingDisk::~FailingDisk() {
  for (Fault& fault : faults) fault.error = 0;
}

}  // namespace rlhf::test

using Call = rlhf::test::FailingDisk::Call;

extern "C" {

int fsync(int fd) {
  if (strikes(Call::kFsync)) return -1;
  return static_cast<int>(syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  if (strikes(Call::kFsync)) return -1;
  return static_cast<int>(syscall(SYS_fdatasync, fd));
}

ssize_t write(int fd, const void* bytes, size_t count) {
  if (fd > 2 && strikes(Call::kWrite)) return -1;
  return syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off64_t offset) {
  if (strikes(Call::kWrite)) return -1;
  return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

int rename(const char* from, const char* to) noexcept {
  if (strikes(Call::kRename)) return -1;
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
}
