#pragma once
#include <CLI/App.hpp>

#include "train/training_options.h"

namespace rlhf {

/// Binds the flags that the trainers share to `options`; the defaults shown are those already in it.
void add_training_flags(CLI::App& command, TrainingOptions& options);

/// UserError naming the flag whose value makes no sense.
void check_training_flags(const TrainingOptions& options);

}  // namespace rlhf
