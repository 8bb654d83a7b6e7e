#pragma once
#include <optional>
#include <vector>

namespace rlhf {

/// counts[i][j]: how often one person said category i where the other said j. Square.
using ContingencyTable = std::vector<std::vector<double>>;

/// What a disagreement weighs: the same whatever it is, or the distance of the categories where these have an
/// order.
enum class KappaWeights { kNone, kLinear };

/// Cohen's kappa, 1 - disagreement observed / disagreement expected of two people who keep their shares of
/// the categories and say them at random (Cohen 1960, doi 10.1177/001316446002000104; weighted: Cohen 1968,
/// doi 10.1037/h0026256). Nothing where chance cannot disagree: no counts, or both say one category only.
std::optional<double> cohen_kappa(const ContingencyTable& counts, KappaWeights weights = KappaWeights::kNone);

}  // namespace rlhf
