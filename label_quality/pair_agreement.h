#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "label_quality/voted_pairs.h"

namespace rlhf {

/// How people's votes on pairs of responses agree: every two people who compared the same pair, and each
/// person against all others who did. Linear in the number of votes.
class PairAgreement {
 public:
  /// The votes on one pair.
  void add(const std::vector<Vote>& votes);

  /// Every two people once: which of them is `one` means nothing.
  const VoteTable& all() const { return all_; }
  /// The person is `one`, each of the others `other`.
  const std::map<int64_t, VoteTable>& by_annotator() const { return by_annotator_; }

 private:
  VoteTable all_;
  std::map<int64_t, VoteTable> by_annotator_;
};

}  // namespace rlhf
