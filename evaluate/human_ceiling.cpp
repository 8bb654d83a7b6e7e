#include "evaluate/human_ceiling.h"

#include <algorithm>
#include <set>

#include "evaluate/cluster_sums.h"

namespace rlhf {
namespace {

/// Share of a label's worth that a guess earns; both are 1 or -1, the guess may be 0.
double right(double guess, int label) {
  return guess == 0 ? 0.5 : (guess > 0) == (label > 0) ? 1.0 : 0.0;
}

struct Sums {
  ClusterSums model_person, person_person, majority_person, model_majority, person_majority;

  void add(const PairJudgements& pair) {
    int first = 0, second = 0;
    for (const auto& [annotator, said] : pair.said) {
      first += said > 0;
      second += said < 0;
    }
    const auto others = static_cast<double>(pair.said.size() - 1);
    const double ties = others + 1 - first - second;
    for (const auto& [annotator, said] : pair.said) {
      const int majority = (first - (said > 0)) - (second - (said < 0));  // of the others
      if (said != 0) {
        const double same = (said > 0 ? first : second) - 1;
        model_person.add(pair.cluster, right(pair.gap, said));
        person_person.add(pair.cluster, (same + ties / 2) / others);
        majority_person.add(pair.cluster, right(majority, said));
      }
      if (majority != 0) {
        model_majority.add(pair.cluster, right(pair.gap, majority));
        person_majority.add(pair.cluster, right(said, majority));
      }
    }
  }
};

}  // namespace

HumanCeiling human_ceiling(const Judgements& judgements) {
  HumanCeiling ceiling;
  Sums sums;
  std::set<std::string> annotators;
  for (const auto& [responses, pair] : judgements) {
    if (pair.said.size() < 2) continue;
    ++ceiling.pairs;
    ceiling.judgements += static_cast<int64_t>(pair.said.size());
    for (const auto& [annotator, said] : pair.said) annotators.insert(annotator);
    sums.add(pair);
  }
  ceiling.annotators = static_cast<int64_t>(annotators.size());
  if (judgements.empty()) {
    ceiling.left_out = "no ranking names its annotator";
  } else if (ceiling.pairs == 0) {
    ceiling.left_out = "no two annotators judged the same pair of responses";
  }
  ceiling.model_person = sums.model_person.estimate();
  ceiling.person_person = sums.person_person.estimate();
  ceiling.majority_person = sums.majority_person.estimate();
  ceiling.model_majority = sums.model_majority.estimate();
  ceiling.person_majority = sums.person_majority.estimate();
  return ceiling;
}

}  // namespace rlhf
