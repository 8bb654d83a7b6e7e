#include "evaluate/judgements.h"

namespace rlhf {

Judgements gather_judgements(std::span<const ScoredRanking> rankings) {
  Judgements judgements;
  for (const ScoredRanking& ranking : rankings) {
    const std::string& annotator = ranking.provenance.annotator;
    if (annotator.empty()) continue;
    const std::vector<std::size_t>& ids = ranking.response_ids;
    const std::vector<int>& ranks = ranking.ranking.ranks;
    for (std::size_t a = 0; a < ids.size(); ++a) {
      for (std::size_t b = 0; b < ids.size(); ++b) {
        if (ids[a] >= ids[b]) continue;
        PairJudgements& pair = judgements[{ids[a], ids[b]}];
        pair.cluster = ranking.cluster;
        pair.gap = ranking.scores[a].mean - ranking.scores[b].mean;
        pair.said[annotator] = ranks[a] < ranks[b] ? 1 : ranks[a] > ranks[b] ? -1 : 0;
      }
    }
  }
  return judgements;
}

}  // namespace rlhf
