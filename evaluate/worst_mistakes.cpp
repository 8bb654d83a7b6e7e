#include "evaluate/worst_mistakes.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace rlhf {
namespace {

void count_people(const Judgements& judgements, Mistake& mistake) {
  const std::vector<std::size_t>& ids = mistake.pair.ranking->response_ids;
  const std::size_t chosen = ids[mistake.pair.chosen], rejected = ids[mistake.pair.rejected];
  const auto found = judgements.find(std::minmax(chosen, rejected));
  if (found == judgements.end()) return;
  for (const auto& [annotator, said] : found->second.said) {
    if (said == 0)
      ++mistake.people_tied;
    else
      ++((said > 0) == (chosen < rejected) ? mistake.people_for : mistake.people_against);
  }
}

}  // namespace

std::vector<Mistake> worst_mistakes(const std::vector<ScoredPair>& pairs, const Judgements& judgements,
                                    std::size_t count) {
  std::vector<const ScoredPair*> wrong;
  for (const ScoredPair& pair : pairs)
    if (pair.raw_gap() < 0) wrong.push_back(&pair);
  std::stable_sort(wrong.begin(), wrong.end(),
                   [](const ScoredPair* a, const ScoredPair* b) { return a->raw_gap() < b->raw_gap(); });
  std::vector<Mistake> mistakes;
  std::set<std::size_t> shown;
  for (const ScoredPair* pair : wrong) {
    if (mistakes.size() == count) break;
    const std::vector<std::size_t>& ids = pair->ranking->response_ids;
    if (shown.contains(ids[pair->chosen]) || shown.contains(ids[pair->rejected])) continue;
    shown.insert({ids[pair->chosen], ids[pair->rejected]});
    Mistake& mistake = mistakes.emplace_back();
    mistake.pair = *pair;
    mistake.probability = 1 / (1 + std::exp(-pair->raw_gap()));
    count_people(judgements, mistake);
  }
  return mistakes;
}

}  // namespace rlhf
