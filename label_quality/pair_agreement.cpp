#include "label_quality/pair_agreement.h"

namespace rlhf {

void PairAgreement::add(const std::vector<Vote>& votes) {
  std::array<int64_t, 3> counts{};
  for (const Vote& vote : votes) ++counts[static_cast<std::size_t>(vote.verdict)];
  for (const Vote& vote : votes) {
    VoteTable& own = by_annotator_[vote.annotator_id];
    for (std::size_t other = 0; other < 3; ++other) {
      const bool same = vote.verdict == static_cast<Verdict>(other);
      own.add(vote.verdict, static_cast<Verdict>(other), counts[other] - (same ? 1 : 0));
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {
    all_.counts[i][i] += counts[i] * (counts[i] - 1) / 2;
    for (std::size_t j = i + 1; j < 3; ++j) all_.counts[i][j] += counts[i] * counts[j];
  }
}

}  // namespace rlhf
