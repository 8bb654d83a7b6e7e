#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "label_quality/voted_pairs.h"

namespace rlhf {

/// How each two people's votes on pairs of responses agree. A pair that m people voted on costs m (m - 1) /
/// 2; one with more than kMostVotes is left out, and counted.
class AnnotatorPairs {
 public:
  static constexpr std::size_t kMostVotes = 50;

  /// `only`: pairs of this annotator with others; 0 for all.
  explicit AnnotatorPairs(int64_t only = 0) : only_(only) {}

  /// The votes on one pair of responses, by annotator.
  void add(const std::vector<Vote>& votes);

  /// By the lower and the higher annotator id; the lower one is `one`.
  const std::map<std::pair<int64_t, int64_t>, VoteTable>& tables() const { return tables_; }
  int64_t left_out() const { return left_out_; }

 private:
  int64_t only_;
  std::map<std::pair<int64_t, int64_t>, VoteTable> tables_;
  int64_t left_out_ = 0;
};

}  // namespace rlhf
