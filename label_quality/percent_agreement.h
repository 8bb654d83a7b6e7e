#pragma once
#include <optional>

#include "label_quality/units.h"

namespace rlhf {

/// Of all pairs of people who valued the same unit, the share that gave the same value. Nothing where no
/// unit has two values. It does not take chance into account: see krippendorff_alpha and cohen_kappa.
std::optional<double> percent_agreement(const Units& units);

/// Ordered pairs of places of `values` that hold the same value, a place with itself included: the sum of
/// squares of the counts.
double equal_pairs(std::span<const double> values);

}  // namespace rlhf
