#pragma once
#include <cstddef>
#include <memory>
#include <vector>

#include "contract/sources.h"

namespace rlhf {

/// One score a response from those that each member gave it: [member][response] -> [response]. `mean` and
/// `raw` are the means over members; `spread` is the population standard deviation of the members' normalised
/// scores, so 0 for one member. Coste et al. 2023, "Reward Model Ensembles Help Mitigate Overoptimization"
/// (https://arxiv.org/abs/2310.02743), penalise the variance with the same 1/k; the deviation is in the unit
/// of the score itself. std::invalid_argument without members, or when they scored different numbers of
/// responses.
std::vector<Score> combine_scores(const std::vector<std::vector<Score>>& members);

/// One reward model or several that score together. Each member has the normaliser of its own, so that none
/// outweighs the others by its scale. They must share a tokenizer, which is the caller's to see to.
class RewardEnsemble : public RewardScorer {
 public:
  /// std::invalid_argument without members.
  explicit RewardEnsemble(std::vector<std::unique_ptr<RewardScorer>> members);

  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override;
  /// What each member says: [member][input].
  std::vector<std::vector<Score>> member_scores(const std::vector<ScoreInput>& inputs);
  std::size_t size() const { return members_.size(); }

 private:
  std::vector<std::unique_ptr<RewardScorer>> members_;
};

}  // namespace rlhf
