#include "cli/progress_bar.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <mutex>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "log/log.h"

namespace rlhf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kClearLine[] = "\r\x1b[2K";
constexpr double kRedrawSeconds = 0.1;
constexpr double kRateMemorySeconds = 20;  ///< the rate follows the last so many seconds

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

template <typename... Arguments>
std::string formatted(const char* format, Arguments... arguments) {
  char text[64];
  std::snprintf(text, sizeof(text), format, arguments...);
  return text;
}

std::string clock_time(double seconds) {
  const auto whole = static_cast<long long>(std::min(std::max(0.0, seconds), 3.6e7));
  if (whole >= 3600) return formatted("%lld:%02lld:%02lld", whole / 3600, whole / 60 % 60, whole % 60);
  return formatted("%02lld:%02lld", whole / 60, whole % 60);
}

std::string rate(double seconds_per_step) {
  if (seconds_per_step <= 0) return "? steps/s";
  if (seconds_per_step < 1) return formatted("%.3g steps/s", 1 / seconds_per_step);
  return formatted("%.3g s/step", seconds_per_step);
}

int terminal_width(int descriptor) {
  winsize size{};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string progress_line(const ProgressLine& line, int width) {
  constexpr int kMostBar = 30;
  const double share = std::clamp(
      static_cast<double>(line.step) / static_cast<double>(std::max<int64_t>(1, line.total_steps)), 0.0, 1.0);
  const double left = static_cast<double>(line.total_steps - line.step) * line.seconds_per_step;
  const std::string head = line.label + formatted(" %3d%%|", static_cast<int>(share * 100));
  std::string tail = "| " + std::to_string(line.step) + "/" + std::to_string(line.total_steps) + " [" +
                     clock_time(line.elapsed_seconds) + "<" +
                     (line.seconds_per_step > 0 ? clock_time(left) : "?") + ", " +
                     rate(line.seconds_per_step);
  for (const auto& [name, value] : line.shown) {
    const std::string metric = ", " + name.substr(name.rfind('/') + 1) + " " + formatted("%.3g", value);
    if (static_cast<int>(head.size() + tail.size() + metric.size()) + 1 + 10 > width) break;  // a bar of ten
    tail += metric;
  }
  tail += "]";
  const int bar = std::clamp(width - static_cast<int>(head.size() + tail.size()), 0, kMostBar);
  const int done = static_cast<int>(std::floor(share * bar));
  const std::string text = head + std::string(static_cast<std::size_t>(done), '#') +
                           std::string(static_cast<std::size_t>(bar - done), ' ') + tail;
  return text.substr(0, static_cast<std::size_t>(std::max(0, width)));
}

struct ProgressBar::State {
  explicit State(ProgressOptions given)
      : options(std::move(given)), silent(::isatty(options.descriptor) != 1) {
    line.label = options.label;
    line.step = options.first_step;
    line.total_steps = options.total_steps;
  }

  void advance(int64_t step, const Metrics& row) {
    const auto now = Clock::now();
    if (step > line.step) {
      // An exponential mean over time: a step of many seconds counts for as much as many short ones.
      const double passed = seconds_between(last_step, now);
      const double fresh = passed / static_cast<double>(step - line.step);
      const double weight = line.seconds_per_step > 0 ? 1 - std::exp(-passed / kRateMemorySeconds) : 1;
      line.seconds_per_step += weight * (fresh - line.seconds_per_step);
      last_step = now;
    }
    line.step = step;
    line.elapsed_seconds = seconds_between(start, now);
    if (row.empty()) return;
    line.shown.clear();
    for (const auto& wanted : options.metrics) {
      const auto found =
          std::find_if(row.begin(), row.end(), [&](const auto& metric) { return metric.first == wanted; });
      if (found != row.end()) line.shown.push_back(*found);
    }
  }

  void write(const std::string& text) const {
    // A line that is lost is drawn again at the next step: neither an interrupted nor a failed write matters.
    [[maybe_unused]] const auto written = ::write(options.descriptor, text.data(), text.size());
  }

  void draw() {
    last_draw = Clock::now();
    // One column short of the width: a terminal would wrap a full line.
    write(kClearLine + progress_line(line, terminal_width(options.descriptor) - 1));
  }

  ProgressOptions options;
  bool silent;
  std::mutex mutex;
  ProgressLine line;
  Clock::time_point start = Clock::now();
  Clock::time_point last_step = start;
  Clock::time_point last_draw = start - std::chrono::hours(1);
};

ProgressBar::ProgressBar(ProgressOptions options) : state_(std::make_unique<State>(std::move(options))) {
  if (state_->silent) return;
  log::wrap_lines([state = state_.get()](const std::function<void()>& write_line) {
    const std::lock_guard lock(state->mutex);
    state->write(kClearLine);
    write_line();
    state->draw();
  });
  state_->draw();
}

ProgressBar::~ProgressBar() {
  if (state_->silent) return;
  log::wrap_lines({});
  state_->draw();
  state_->write("\n");
}

void ProgressBar::update(int64_t step, const Metrics& row) {
  if (state_->silent) return;
  const std::lock_guard lock(state_->mutex);
  state_->advance(step, row);
  const bool due = seconds_between(state_->last_draw, Clock::now()) >= kRedrawSeconds;
  if (due || step >= state_->options.total_steps) state_->draw();
}

}  // namespace rlhf
