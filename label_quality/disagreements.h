#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "contract/given_answer.h"

namespace rlhf {

/// Answers of several people about the same responses.
struct Disagreement {
  double disagreement = 0;  ///< VoteTable::disagreement over their pairs of responses
  std::size_t people = 0;
  std::vector<RankedAnswer> answers;  ///< one a person, the latest, by annotator
};

/// Keeps the responses about which people disagree most.
class Disagreements {
 public:
  /// Keeps `most` of them; `only`: where this annotator is one of the people, 0 for all.
  explicit Disagreements(std::size_t most, int64_t only = 0) : most_(most), only_(only) {}

  /// All answers there are to one prompt.
  void add_prompt(std::vector<RankedAnswer> answers);

  /// The greatest disagreement first, then the most people, then the earliest prompt. What all agree on is
  /// not there.
  std::vector<Disagreement> worst() const;

 private:
  void add_group(std::vector<RankedAnswer> answers);

  std::size_t most_;
  int64_t only_;
  std::vector<Disagreement> heap_;  // the least of them in front
};

}  // namespace rlhf
