#include "select/strategies.h"

#include <cmath>
#include <set>

#include "contract/error.h"
#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("disagreement is the mean over pairs of the deviation of score differences") {
  // Differences of the pairs (1,2), (1,3), (2,3) by member: 1, 1, 0 and -1, 0, 1; their deviations: 1, 1/2,
  // 1/2.
  CHECK(disagreement({{1, 0, 0}, {0, 1, 0}}) == Approx(2.0 / 3));
  // A third member with no opinion: differences 1, -1, 0 have deviation sqrt(2/3); 1, 0, 0 and 0, 1, 0
  // sqrt(2)/3.
  CHECK(disagreement({{1, 0, 0}, {0, 1, 0}, {0, 0, 0}}) ==
        Approx((std::sqrt(2.0 / 3) + 2 * std::sqrt(2.0) / 3) / 3));
}

TEST_CASE("members who differ by a constant agree, and so does one with itself") {
  CHECK(disagreement({{1, 0, -2}, {6, 5, 3}}) == Approx(0).margin(1e-12));
  CHECK(disagreement({{1, 0, -2}}) == 0);
  CHECK(disagreement({{1, 0}, {0, 1}}) > disagreement({{1, 0}, {0.5, 0}}));
}

TEST_CASE("uncertainty is 4 p (1 - p) of Bradley and Terry's probabilities, over pairs") {
  CHECK(uncertainty({std::log(3.0), 0}) == Approx(0.75));  // p = 3/4
  CHECK(uncertainty({0, std::log(3.0)}) == Approx(0.75));
  CHECK(uncertainty({std::log(3.0), 0, 0}) == Approx((0.75 + 0.75 + 1) / 3));
  CHECK(uncertainty({2, 2, 2}) == 1);
  CHECK(uncertainty({0, 5000}) == 0);
  CHECK(uncertainty({5000, 0}) == 0);
}

TEST_CASE("a drawn priority is a function of seed and texts, and even over [0, 1)") {
  const Prompt prompt{"the film", {}};
  CHECK(drawn_priority(1, prompt, {"a", "b"}) == drawn_priority(1, prompt, {"a", "b"}));
  std::set<double> different{drawn_priority(1, prompt, {"a", "b"}),
                             drawn_priority(2, prompt, {"a", "b"}),
                             drawn_priority(1, {"the films", {}}, {"a", "b"}),
                             drawn_priority(1, prompt, {"b", "a"}),
                             drawn_priority(1, prompt, {"ab", ""}),
                             drawn_priority(1, {"", {{"user", "the film"}}}, {"a", "b"}),
                             drawn_priority(1, {"", {{"system", "the film"}}}, {"a", "b"})};
  CHECK(different.size() == 7);
  int below_half = 0, below_tenth = 0;
  for (int i = 0; i < 2000; ++i) {
    const double drawn = drawn_priority(7, {"prompt " + std::to_string(i), {}}, {"a"});
    REQUIRE((drawn >= 0 && drawn < 1));
    below_half += drawn < 0.5 ? 1 : 0;
    below_tenth += drawn < 0.1 ? 1 : 0;
  }
  CHECK(std::abs(below_half - 1000) < 90);  // four deviations
  CHECK(std::abs(below_tenth - 200) < 54);
}

TEST_CASE("the highest come first, and of equal ones the earlier") {
  const std::vector<Pick> picks = highest({0.2, 0.9, 0.9, 0.1}, 3);
  REQUIRE(picks.size() == 3);
  CHECK(picks[0].index == 1);
  CHECK(picks[1].index == 2);
  CHECK(picks[2].index == 0);
  CHECK(picks[2].priority == 0.2);
  CHECK(highest({0.2, 0.9}, 10).size() == 2);
  CHECK(highest({}, 3).empty());
}

TEST_CASE("a strategy is named, another name is refused") {
  CHECK(strategy_named("disagreement") == Strategy::kDisagreement);
  CHECK(strategy_named("margin") == Strategy::kMargin);
  CHECK(strategy_named("diversity") == Strategy::kDiversity);
  CHECK(strategy_named("random") == Strategy::kRandom);
  CHECK_THROWS_AS(strategy_named("best"), UserError);
}
