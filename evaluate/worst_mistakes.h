#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "evaluate/judgements.h"
#include "evaluate/scored_pairs.h"

namespace rlhf {

/// A pair that the model orders against its annotator.
struct Mistake {
  ScoredPair pair;
  double probability = 0;  ///< that the model gave to the annotator's order: sigmoid(r_w - r_l), raw scores
  // All annotators who judged these two responses; 0 each when none is named.
  int64_t people_for = 0;  ///< who order them as this one does
  int64_t people_against = 0;
  int64_t people_tied = 0;
};

/// The `count` pairs with the largest raw difference of scores in the wrong direction, the worst first. A
/// response is shown once, so that one that is scored badly does not fill the list.
std::vector<Mistake> worst_mistakes(const std::vector<ScoredPair>& pairs, const Judgements& judgements,
                                    std::size_t count);

}  // namespace rlhf
