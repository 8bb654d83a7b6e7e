#pragma once
#include <algorithm>
#include <chrono>
#include <functional>

namespace rlhf::bench {

/// Seconds of the fastest of the repetitions that begin within two seconds, the first, which does not count,
/// apart; at least three count. `prepare` is called before each and not timed.
inline double best_seconds(
    const std::function<void()>& repetition, const std::function<void()>& prepare = [] {}) {
  using Clock = std::chrono::steady_clock;
  double best = 0;
  Clock::time_point end;
  for (int done = 0; done <= 3 || Clock::now() < end; ++done) {
    prepare();
    const Clock::time_point begin = Clock::now();
    repetition();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (done == 0) end = Clock::now() + std::chrono::seconds(2);
    if (done == 1 || (done > 1 && seconds < best)) best = seconds;
  }
  return best;
}

}  // namespace rlhf::bench
