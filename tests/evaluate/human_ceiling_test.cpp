#include "evaluate/human_ceiling.h"

#include <cmath>

#include "evaluate/worst_mistakes.h"
#include "tests/evaluate/scored.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::scored;

TEST_CASE("people and the model are measured on the same labels, worked by hand") {
  const std::vector<ScoredRanking> rankings{
      // The first response scores higher: a and b agree, c does not.
      scored({1, 2}, {1, 0}, 0, "a"), scored({1, 2}, {1, 0}, 0, "b"), scored({2, 1}, {1, 0}, 0, "c"),
      // Equal scores: a prefers the first, b ties.
      scored({1, 2}, {5, 5}, 1, "a"), scored({1, 1}, {5, 5}, 1, "b"),
      // Judged once; and by nobody in particular.
      scored({1, 2}, {0, 1}, 2, "a"), scored({2, 1}, {0, 1}, 2)};
  const HumanCeiling found = human_ceiling(gather_judgements(rankings));
  CHECK(found.left_out.empty());
  CHECK(found.pairs == 2);
  CHECK(found.annotators == 3);
  CHECK(found.judgements == 5);
  // Labels of single people: a, b, c, and a's of the second pair.
  CHECK(found.model_person->value == Approx((1 + 1 + 0 + 0.5) / 4));
  CHECK(found.person_person->value == Approx((0.5 + 0.5 + 0 + 0.5) / 4));
  CHECK(found.majority_person->value == Approx((0.5 + 0.5 + 0 + 0.5) / 4));
  // Majorities of the others: of a and b without c; of a without b.
  CHECK(found.model_majority->value == Approx((1 + 0.5) / 2));
  CHECK(found.person_majority->value == Approx((0 + 0.5) / 2));
}

TEST_CASE("the majority of the others is a better guess than one of them") {
  std::vector<ScoredRanking> rankings;
  for (const char* name : {"a", "b", "c"}) rankings.push_back(scored({1, 2}, {1, 0}, 0, name));
  rankings.push_back(scored({2, 1}, {1, 0}, 0, "d"));
  const HumanCeiling found = human_ceiling(gather_judgements(rankings));
  CHECK(found.person_person->value == Approx((3 * 2.0 / 3 + 0) / 4));
  CHECK(found.majority_person->value == Approx(3.0 / 4));
  CHECK(found.person_majority->value == Approx(3.0 / 4));
}

TEST_CASE("orders of listing do not matter, and a second answer replaces the first") {
  ScoredRanking turned = scored({2, 1}, {0, 1}, 0, "b");  // says that response 1 is better: agrees with a
  std::swap(turned.response_ids[0], turned.response_ids[1]);
  std::vector<ScoredRanking> rankings{scored({1, 2}, {1, 0}, 0, "a"), turned};
  CHECK(human_ceiling(gather_judgements(rankings)).person_person->value == 1);
  rankings.push_back(scored({2, 1}, {1, 0}, 0, "a"));
  CHECK(human_ceiling(gather_judgements(rankings)).person_person->value == 0);
  CHECK(human_ceiling(gather_judgements(rankings)).judgements == 2);
}

TEST_CASE("what keeps the ceiling from being known is said") {
  const std::vector<ScoredRanking> nameless{scored({1, 2}, {1, 0}), scored({2, 1}, {1, 0})};
  CHECK(human_ceiling(gather_judgements(nameless)).left_out == "no ranking names its annotator");
  const std::vector<ScoredRanking> apart{scored({1, 2}, {1, 0}, 0, "a"), scored({1, 2}, {1, 0}, 1, "b")};
  const HumanCeiling found = human_ceiling(gather_judgements(apart));
  CHECK(found.left_out == "no two annotators judged the same pair of responses");
  CHECK(!found.person_person);
}

TEST_CASE("the worst mistakes come first, and show a response once") {
  // Response 0 of the first ranking is put first by people and last by the model, twice over.
  const std::vector<ScoredRanking> rankings{scored({1, 2, 3}, {-3, 0, 1}, 0, "a"),
                                            scored({1, 2}, {0, 0.5}, 1, "a"), scored({1, 2}, {2, 0}, 3, "a"),
                                            // Wrong about a, right about b and c, d cannot tell.
                                            scored({2, 1}, {2, 0}, 2, "a"), scored({1, 2}, {2, 0}, 2, "b"),
                                            scored({1, 2}, {2, 0}, 2, "c"), scored({1, 1}, {2, 0}, 2, "d")};
  const auto pairs = scored_pairs(rankings);
  const auto found = worst_mistakes(pairs, gather_judgements(rankings), 10);
  REQUIRE(found.size() == 3);
  CHECK((found[0].pair.ranking == &rankings[0] && found[0].pair.rejected == 2));
  CHECK(found[0].probability == Approx(1 / (1 + std::exp(8.0))));
  CHECK(found[1].pair.ranking == &rankings[3]);
  CHECK((found[1].people_for == 1 && found[1].people_against == 2 && found[1].people_tied == 1));
  CHECK(found[2].pair.ranking == &rankings[1]);
  CHECK(worst_mistakes(pairs, {}, 1).size() == 1);
  CHECK(worst_mistakes(pairs, {}, 1)[0].people_for == 0);
}
