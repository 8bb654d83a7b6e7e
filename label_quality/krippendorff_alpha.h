#pragma once
#include <optional>

#include "label_quality/units.h"

namespace rlhf {

/// How far apart two values are. Ordinal: by how many of the values given lie between them; interval: by
/// their difference.
enum class Level { kNominal, kOrdinal, kInterval };

/// Krippendorff's alpha, 1 - D_observed / D_expected: 1 is perfect agreement, 0 what chance gives, below 0 is
/// worse than that. Any number of people, missing values (Krippendorff 2011, "Computing Krippendorff's
/// Alpha-Reliability", https://repository.upenn.edu/asc_papers/43). Nothing where no unit has two values or
/// all values are one: there is nothing to tell apart. Time n log n in the number of values.
std::optional<double> krippendorff_alpha(const Units& units, Level level);

}  // namespace rlhf
