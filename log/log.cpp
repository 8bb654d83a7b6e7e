#include "log/log.h"

#include <mutex>
#include <stdexcept>
#include <utility>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace rlhf::log {
namespace {

spdlog::logger& logger() {
  static const std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_color_mt("rlhf");
    made->set_pattern("%H:%M:%S %^%l%$ %v");
    return made;
  }();
  return *instance;
}

struct Wrapper {
  std::mutex mutex;
  std::function<void(const std::function<void()>&)> call;
};

Wrapper& wrapper() {
  static Wrapper instance;
  return instance;
}

void write_line(spdlog::level::level_enum level, const std::string& message) {
  const std::lock_guard lock(wrapper().mutex);
  const auto write = [&] { logger().log(level, message); };
  if (wrapper().call && logger().should_log(level)) {
    wrapper().call(write);
  } else {
    write();
  }
}

}  // namespace

void info(const std::string& message) {
  write_line(spdlog::level::info, message);
}
void warn(const std::string& message) {
  write_line(spdlog::level::warn, message);
}
void error(const std::string& message) {
  write_line(spdlog::level::err, message);
}

void wrap_lines(std::function<void(const std::function<void()>& write)> call) {
  const std::lock_guard lock(wrapper().mutex);
  wrapper().call = std::move(call);
}

void set_level(const std::string& level) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off")
    throw std::invalid_argument("unknown log level " + level);
  logger().set_level(parsed);
}

}  // namespace rlhf::log
