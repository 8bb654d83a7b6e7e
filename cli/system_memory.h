#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace rlhf {

/// Bytes that programs can still take: MemAvailable of proc/meminfo, or what the limits of this process's
/// control groups (version 1 or 2, its own and those above) leave, where that is less. File caches that a
/// group can drop count as free. None where the system says nothing. `root` is "/" but for tests.
std::optional<int64_t> free_memory(const std::filesystem::path& root = "/");

/// Bytes that this process has in memory now, and the most it ever had.
int64_t resident_memory();
int64_t peak_memory();

/// How many processes of this run share the machine: torchrun's LOCAL_WORLD_SIZE, else 1.
int64_t local_processes();

}  // namespace rlhf
