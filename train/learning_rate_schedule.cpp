#include "train/learning_rate_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "contract/error.h"

namespace rlhf {

double LearningRateSchedule::rate(int64_t step) const {
  const double total = static_cast<double>(total_steps);
  const double warmup = std::ceil(warmup_steps < 1 ? warmup_steps * total : warmup_steps);
  const double now = static_cast<double>(step);
  if (type == "constant") return peak;
  if (now < warmup) return peak * now / std::max(1.0, warmup);
  if (type == "constant_with_warmup") return peak;

  const double progress = std::min(1.0, (now - warmup) / std::max(1.0, total - warmup));
  if (type == "linear") return peak * (min_lr_rate + (1 - min_lr_rate) * (1 - progress));
  if (type == "cosine" || type == "cosine_with_min_lr") {
    const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
    return peak * (min_lr_rate + (1 - min_lr_rate) * cosine);
  }
  throw UserError("--lr_scheduler_type '" + type +
                  "' is not known: use linear, cosine, cosine_with_min_lr, constant or constant_with_warmup");
}

}  // namespace rlhf
