#include "model/reward_ensemble.h"

#include <cmath>
#include <stdexcept>

#include "tests/support/catch.h"

namespace rlhf {
namespace {

/// Gives its scores whatever it is asked.
class FixedScorer : public RewardScorer {
 public:
  explicit FixedScorer(std::vector<Score> scores) : scores_(std::move(scores)) {}
  std::vector<Score> score(const std::vector<ScoreInput>&) override { return scores_; }

 private:
  std::vector<Score> scores_;
};

RewardEnsemble ensemble_of(const std::vector<std::vector<Score>>& members) {
  std::vector<std::unique_ptr<RewardScorer>> scorers;
  for (const std::vector<Score>& scores : members) scorers.push_back(std::make_unique<FixedScorer>(scores));
  return RewardEnsemble(std::move(scorers));
}

}  // namespace

TEST_CASE("an ensemble scores by mean and population deviation of its members' normalised scores") {
  // Normalised 1, 2, 6: mean 3, squares 4 + 1 + 9 = 14, deviation sqrt(14/3). Raw 10, -4, 3: mean 3.
  RewardEnsemble ensemble =
      ensemble_of({{{10, 1, 0}, {0, 2, 0}}, {{-4, 2, 0}, {0, 2, 0}}, {{3, 6, 0}, {3, 2, 0}}});
  const std::vector<Score> scores = ensemble.score({{}, {}});
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].mean == Approx(3));
  CHECK(scores[0].spread == Approx(std::sqrt(14.0 / 3)));
  CHECK(scores[0].raw == Approx(3));
  CHECK(scores[1].mean == Approx(2));
  CHECK(scores[1].spread == Approx(0).margin(1e-12));
  CHECK(scores[1].raw == Approx(1));
  CHECK(ensemble.size() == 3);
  CHECK(ensemble.member_scores({{}, {}})[2][0].mean == 6);
}

TEST_CASE("an ensemble of one gives the bits of its member") {
  const double third = 1.0 / 3;
  const std::vector<Score> scores = ensemble_of({{{third, -third, 0}}}).score({{}});
  CHECK(scores[0].raw == third);
  CHECK(scores[0].mean == -third);
  CHECK(scores[0].spread == 0);
}

TEST_CASE("an ensemble needs members, which score the same responses") {
  CHECK_THROWS_AS(RewardEnsemble({}), std::invalid_argument);
  CHECK_THROWS_AS(combine_scores({}), std::invalid_argument);
  CHECK_THROWS_AS(combine_scores({{{1, 1, 0}}, {}}), std::invalid_argument);
}

}  // namespace rlhf
