#pragma once
#include <string>

/// Words for people, on stderr, with a time stamp. Safe from any thread.
namespace rlhf::log {

void info(const std::string& message);
void warn(const std::string& message);
void error(const std::string& message);

/// "debug", "info", "warn", "error" or "off"; throws std::invalid_argument for another word.
void set_level(const std::string& level);

}  // namespace rlhf::log
