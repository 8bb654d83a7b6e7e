#pragma once
#include <cstdint>
#include <vector>

#include "model/decoder.h"
#include "train/training_options.h"

namespace rlhf {

/// The dropout of one forward pass over sequences that stand at places [first_place, first_place + count) of
/// the global batch of optimizer step `step`. Keys depend on (seed, step, place) alone.
Dropout training_dropout(const TrainingOptions& options, int64_t step, int64_t first_place, int64_t count);

}  // namespace rlhf
