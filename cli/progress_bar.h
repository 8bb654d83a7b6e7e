#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "contract/sources.h"

namespace rlhf {

struct ProgressOptions {
  std::string label;        ///< what runs, for instance "ppo"
  int64_t total_steps = 0;  ///< at least 1
  int64_t first_step = 0;   ///< steps already done when a run is resumed: they do not count for the rate
  std::vector<std::string> metrics;  ///< shown after the bar, in this order, when a row has them
  int descriptor = 2;                ///< where the line goes: stderr
};

/// One line that tells how far a run is, how fast, how long it will take, and a few of its metrics:
///   ppo  42%|########            | 21/50 [00:23<00:32, 1.1 s/step, scores 0.91, kl 3.2]
/// Says nothing when the descriptor is not a terminal. Lines of the log step around it while it lives
/// (log/log.h). It changes no setting of the terminal and installs no signal handler: a run may be
/// interrupted or killed at any time; the end of the scope, by return or exception, leaves the last state and
/// starts a new line. Safe from any thread; one bar at a time.
class ProgressBar {
 public:
  explicit ProgressBar(ProgressOptions options);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `step` steps are done. An empty `row` keeps the metrics that are shown. Draws at most ten times a
  /// second.
  void update(int64_t step, const Metrics& row = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What the line says; at most `width` columns (metrics that do not fit are left out).
struct ProgressLine {
  std::string label;
  int64_t step = 0;
  int64_t total_steps = 1;
  double elapsed_seconds = 0;   ///< of this process
  double seconds_per_step = 0;  ///< 0 = not known yet
  Metrics shown;
};
std::string progress_line(const ProgressLine& line, int width);

}  // namespace rlhf
