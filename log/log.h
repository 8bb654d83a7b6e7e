#pragma once
#include <functional>
#include <string>

/// Words for people, on stderr, with a time stamp. Safe from any thread.
namespace rlhf::log {

void info(const std::string& message);
void warn(const std::string& message);
void error(const std::string& message);

/// From here on each line is written by `wrapper(write)`, which calls `write` once, under the log's lock: so
/// that a progress bar can step aside. An empty function ends it. `wrapper` must not log.
void wrap_lines(std::function<void(const std::function<void()>& write)> wrapper);

/// "debug", "info", "warn", "error" or "off"; throws std::invalid_argument for another word.
void set_level(const std::string& level);

}  // namespace rlhf::log
