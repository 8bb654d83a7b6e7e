#include "evaluate/reward_card.h"

#include "contract/error.h"

namespace rlhf {

RewardCard reward_card(std::span<const ScoredRanking> judged, std::span<const ScoredRanking> people,
                       std::size_t mistakes) {
  const std::vector<ScoredPair> pairs = scored_pairs(judged);
  if (pairs.empty()) throw UserError("the data has no untied pair");
  const Judgements judgements = gather_judgements(people);
  RewardCard card;
  card.rankings = static_cast<int64_t>(judged.size());
  card.accuracy = reward_accuracy(pairs);
  card.groupings = accuracy_groupings(pairs);
  card.ceiling = human_ceiling(judgements);
  card.calibration = calibration(pairs);
  card.length = length_bias(pairs);
  card.scores = score_histogram(pairs);
  card.mistakes = worst_mistakes(pairs, judgements, mistakes);
  return card;
}

}  // namespace rlhf
