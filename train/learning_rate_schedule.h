#pragma once
#include <cstdint>
#include <string>

namespace rlhf {

/// Learning rate as a function of the optimizer step, as transformers' schedulers define it.
struct LearningRateSchedule {
  std::string type = "linear";  ///< linear | cosine | cosine_with_min_lr | constant | constant_with_warmup
  double peak = 5e-5;           ///< --learning_rate
  double warmup_steps = 0;      ///< steps; a fraction below 1 is a share of total_steps
  double min_lr_rate = 0;       ///< where cosine_with_min_lr and linear end, as a share of the peak
  int64_t total_steps = 0;

  /// Rate of step `step`, counted from 0. UserError for an unknown type.
  double rate(int64_t step) const;
};

}  // namespace rlhf
