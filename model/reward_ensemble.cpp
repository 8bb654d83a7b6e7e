#include "model/reward_ensemble.h"

#include <cmath>
#include <stdexcept>

namespace rlhf {

std::vector<Score> combine_scores(const std::vector<std::vector<Score>>& members) {
  if (members.empty()) throw std::invalid_argument("an ensemble needs a reward model");
  if (members.size() == 1) return members.front();
  const auto count = static_cast<double>(members.size());
  std::vector<Score> combined(members.front().size());
  for (const std::vector<Score>& member : members) {
    if (member.size() != combined.size())
      throw std::invalid_argument("the members of an ensemble scored different numbers of responses");
    for (std::size_t i = 0; i < member.size(); ++i) {
      combined[i].raw += member[i].raw / count;
      combined[i].mean += member[i].mean / count;
    }
  }
  for (std::size_t i = 0; i < combined.size(); ++i) {
    double squares = 0;
    for (const std::vector<Score>& member : members)
      squares += std::pow(member[i].mean - combined[i].mean, 2);
    combined[i].spread = std::sqrt(squares / count);
  }
  return combined;
}

RewardEnsemble::RewardEnsemble(std::vector<std::unique_ptr<RewardScorer>> members)
    : members_(std::move(members)) {
  if (members_.empty()) throw std::invalid_argument("an ensemble needs a reward model");
}

std::vector<Score> RewardEnsemble::score(const std::vector<ScoreInput>& inputs) {
  return combine_scores(member_scores(inputs));
}

std::vector<std::vector<Score>> RewardEnsemble::member_scores(const std::vector<ScoreInput>& inputs) {
  std::vector<std::vector<Score>> scores;
  for (const auto& member : members_) scores.push_back(member->score(inputs));
  return scores;
}

}  // namespace rlhf
