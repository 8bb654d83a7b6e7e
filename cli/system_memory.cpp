#include "cli/system_memory.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace rlhf {
namespace {

namespace fs = std::filesystem;

/// The number after `key` in a file of lines "key number".
std::optional<int64_t> number_of(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t number = 0;
    if (words >> name >> number && name == key) return number;
  }
  return std::nullopt;
}

/// The number that a file holds; none for "max".
std::optional<int64_t> only_number(const fs::path& file) {
  std::ifstream in(file);
  int64_t number = 0;
  return in >> number ? std::optional(number) : std::nullopt;
}

struct GroupFiles {
  const char *limit, *usage, *droppable;
};
constexpr GroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr GroupFiles kVersion2{"memory.max", "memory.current", "inactive_file"};

void take_less(std::optional<int64_t>& least, std::optional<int64_t> other) {
  if (other && (!least || *other < *least)) least = other;
}

std::optional<int64_t> left_in(const fs::path& group, const GroupFiles& files) {
  const auto limit = only_number(group / files.limit), usage = only_number(group / files.usage);
  if (!limit || !usage) return std::nullopt;
  const int64_t droppable = number_of(group / "memory.stat", files.droppable).value_or(0);
  return std::max<int64_t>(0, *limit - std::max<int64_t>(0, *usage - droppable));
}

/// The least that a group and those above it leave. In a container the path may be the host's, of which only
/// the top is seen.
std::optional<int64_t> left_up_to(const fs::path& mount, fs::path path, const GroupFiles& files) {
  std::optional<int64_t> least = left_in(mount, files);
  for (path = path.relative_path(); !path.empty(); path = path.parent_path())
    take_less(least, left_in(mount / path, files));
  return least;
}

std::optional<int64_t> left_in_groups(const fs::path& root) {
  std::optional<int64_t> least;
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // ID:CONTROLLERS:PATH
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path path = line.substr(second + 1), mount = root / "sys/fs/cgroup";
    if (controllers == ",,") take_less(least, left_up_to(mount, path, kVersion2));
    if (controllers.find(",memory,") != std::string::npos)
      take_less(least, left_up_to(mount / "memory", path, kVersion1));
  }
  return least;
}

}  // namespace

std::optional<int64_t> free_memory(const fs::path& root) {
  std::optional<int64_t> least = number_of(root / "proc/meminfo", "MemAvailable:");
  if (least) *least *= 1024;
  take_less(least, left_in_groups(root));
  return least;
}

int64_t resident_memory() {
  std::ifstream in("/proc/self/statm");
  int64_t total = 0, resident = 0;
  in >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
#if defined(__APPLE__)
  return usage.ru_maxrss;
#else
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
#endif
}

int64_t local_processes() {
  const char* count = std::getenv("LOCAL_WORLD_SIZE");
  return count ? std::max<int64_t>(1, std::atoll(count)) : 1;
}

}  // namespace rlhf
