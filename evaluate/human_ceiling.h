#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "evaluate/bootstrap.h"
#include "evaluate/judgements.h"

namespace rlhf {

/// How well people do at what is asked of the reward model, on pairs of responses that several named
/// annotators judged. Each figure is an accuracy like the model's own: a label is what one person, or most of
/// the others, said of a pair and no tie; whoever is measured gets 1 for the same order, 1/2 for a tie and 0
/// for the opposite one; every label weighs the same. Nobody is measured against a label with a part in it.
struct HumanCeiling {
  int64_t pairs = 0;       ///< judged by two or more
  int64_t annotators = 0;  ///< who judged them
  int64_t judgements = 0;  ///< theirs, ties included

  // Against what one person said.
  std::optional<Estimate> model_person;
  std::optional<Estimate> person_person;  ///< another person, the mean over all others
  /// The majority of the others: what a perfect model of people in general reaches.
  std::optional<Estimate> majority_person;
  // Against what the majority of the others said, each person left out in turn.
  std::optional<Estimate> model_majority;
  std::optional<Estimate> person_majority;  ///< the person left out

  std::string left_out;  ///< why there are no figures; else empty
};

HumanCeiling human_ceiling(const Judgements& judgements);

}  // namespace rlhf
