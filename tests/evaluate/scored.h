#pragma once
#include <string>
#include <utility>
#include <vector>

#include "evaluate/scored_pairs.h"

namespace rlhf::test {

/// A ranking with its scores, "0", "1", ... its texts. Raw scores are twice the normalised ones and one more.
inline ScoredRanking scored(std::vector<int> ranks, const std::vector<double>& scores,
                            std::size_t cluster = 0, const std::string& annotator = "") {
  ScoredRanking made;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    made.ranking.responses.push_back(std::to_string(i));
    made.response_ids.push_back(100 * cluster + i);
    made.scores.push_back({2 * scores[i] + 1, scores[i], 0});
  }
  made.ranking.ranks = std::move(ranks);
  made.ranking.origin = "data.jsonl:7";
  made.provenance.annotator = annotator;
  made.cluster = cluster;
  return made;
}

/// Pairs whose chosen response has a raw score higher by so much; each a prompt of its own.
class PairsOfGaps {
 public:
  explicit PairsOfGaps(const std::vector<double>& raw_gaps) {
    for (std::size_t i = 0; i < raw_gaps.size(); ++i)
      rankings_.push_back(scored({2, 1}, {0, raw_gaps[i] / 2}, i));
  }
  std::vector<ScoredPair> pairs() const { return scored_pairs(rankings_); }

 private:
  std::vector<ScoredRanking> rankings_;
};

}  // namespace rlhf::test
