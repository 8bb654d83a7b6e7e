#include "cli/system_memory.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

/// A root folder with what /proc and /sys say.
class System {
 public:
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((folder_ / path).parent_path());
    test::write_file(folder_ / path, text);
  }
  std::optional<int64_t> free() const { return free_memory(folder_.path()); }

 private:
  test::TemporaryFolder folder_;
};

constexpr char kMemInfo[] = "MemTotal:       16000 kB\nMemFree:         1000 kB\nMemAvailable:    8000 kB\n";

}  // namespace

TEST_CASE("free memory is what the machine has available") {
  System system;
  CHECK_FALSE(system.free());
  system.write("proc/meminfo", kMemInfo);
  CHECK(system.free() == 8000 * 1024);
}

TEST_CASE("a control group of version 2 leaves less, file caches that it can drop counted as free") {
  System system;
  system.write("proc/meminfo", kMemInfo);
  system.write("proc/self/cgroup", "0::/jobs/mine\n");
  system.write("sys/fs/cgroup/jobs/mine/memory.max", "max\n");
  system.write("sys/fs/cgroup/jobs/mine/memory.current", "700000\n");
  CHECK(system.free() == 8000 * 1024);
  system.write("sys/fs/cgroup/jobs/memory.max", "5000000\n");  // of the group above
  system.write("sys/fs/cgroup/jobs/memory.current", "1000000\n");
  CHECK(system.free() == 4000000);
  system.write("sys/fs/cgroup/jobs/memory.stat", "anon 1\ninactive_file 300000\n");
  CHECK(system.free() == 4300000);
  system.write("sys/fs/cgroup/jobs/mine/memory.max", "600000\n");
  CHECK(system.free() == 0);
}

TEST_CASE("a control group of version 1 leaves less, also when the path is the host's") {
  System system;
  system.write("proc/meminfo", kMemInfo);
  system.write("proc/self/cgroup", "5:cpu:/other\n4:memory,hugetlb:/docker/abc\n");
  system.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2000000\n");
  system.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "500000\n");
  CHECK(system.free() == 1500000);
  system.write("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 100000\n");
  CHECK(system.free() == 1600000);
}

TEST_CASE("this process has memory, and had no less at its peak") {
  CHECK(resident_memory() > 1'000'000);
  CHECK(peak_memory() >= resident_memory() / 2);  // the kernel counts the two apart
}

}  // namespace rlhf
