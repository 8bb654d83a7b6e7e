#pragma once
#include <cstdint>
#include <string>

#include "annotate/lexicon_rater.h"
#include "storage/annotation_store.h"

namespace rlhf {

struct SimulationOptions {
  Campaign campaign;
  std::size_t raters = Lexicon::kRaters;  ///< how many of the ten take part, 1 to 10
  std::string lexicon_sha256;             ///< kept with each rater
};

struct SimulationResult {
  int64_t submitted = 0;
  int64_t all_tied = 0;  ///< of these, answers that tell no two responses apart
};

/// Lets the raters answer every open task of the campaign, in turn, until none is left for any of them. A
/// rater's answer to a task depends on the rater and the texts alone. Throws UserError when the campaign asks
/// for more people per task than there are raters, and what AnnotationStore throws.
SimulationResult simulate_raters(AnnotationStore& store, const Lexicon& lexicon,
                                 const SimulationOptions& options);

}  // namespace rlhf
