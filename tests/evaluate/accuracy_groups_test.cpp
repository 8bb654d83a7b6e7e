#include "evaluate/accuracy_groups.h"

#include "tests/evaluate/scored.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::scored;

namespace {

const AccuracyGrouping& by(const std::vector<AccuracyGrouping>& groupings, const std::string& name) {
  for (const AccuracyGrouping& grouping : groupings)
    if (grouping.by == name) return grouping;
  throw std::logic_error("no grouping by " + name);
}

}  // namespace

TEST_CASE("pairs are told apart by who ranked them and where they come from, the largest group first") {
  std::vector<ScoredRanking> rankings{scored({1, 2}, {0, 1}, 0, "ann"), scored({1, 2}, {1, 0}, 1, "bob"),
                                      scored({1, 2}, {0, 1}, 2, "bob"), scored({1, 2}, {1, 0}, 3)};
  for (auto& ranking : rankings) ranking.provenance.source = "films";
  const auto found = accuracy_groupings(scored_pairs(rankings));
  const AccuracyGrouping& people = by(found, "annotator");
  REQUIRE(people.groups.size() == 3);
  CHECK((people.groups[0].name == "bob" && people.groups[0].accuracy.accuracy.value == 0.5));
  CHECK(people.groups[0].accuracy.pairs == 2);
  CHECK((people.groups[1].name == "not named" && people.groups[1].accuracy.accuracy.value == 1));
  CHECK((people.groups[2].name == "ann" && people.groups[2].accuracy.accuracy.value == 0));
  CHECK(by(found, "source").groups.empty());
  CHECK(by(found, "source").left_out == "all pairs are of source films");
  CHECK(by(found, "split").left_out == "no record names its split");
  CHECK(by(found, "rank_gap").left_out == "every pair's is 1");
  CHECK(by(found, "rating_gap").left_out == "no pair has a rating of both responses");
}

TEST_CASE("few rank gaps are a group each") {
  const std::vector<ScoredRanking> rankings{scored({1, 2, 3}, {2, 1, 5})};
  const AccuracyGrouping found = by(accuracy_groupings(scored_pairs(rankings)), "rank_gap");
  REQUIRE(found.groups.size() == 2);
  CHECK((found.groups[0].name == "1" && found.groups[0].accuracy.accuracy.value == 0.5));
  CHECK((found.groups[1].name == "2" && found.groups[1].accuracy.accuracy.value == 0));
}

TEST_CASE("many gaps are four groups of as many pairs, named by what they hold") {
  std::vector<ScoredRanking> rankings;
  for (std::size_t i = 0; i < 8; ++i) {
    // Gaps 0.5, 1.5, ... 7.5; the model is right on the larger half.
    rankings.push_back(scored({1, 2}, {i < 4 ? 0.0 : 2.0, 1.0}, i));
    rankings.back().provenance.ratings = {{0, "mean", static_cast<double>(i)}, {1, "mean", -0.5}};
  }
  const AccuracyGrouping found = by(accuracy_groupings(scored_pairs(rankings)), "rating_gap");
  REQUIRE(found.groups.size() == 4);
  CHECK(found.groups[0].name == "0.5 to 1.5");
  CHECK(found.groups[3].name == "6.5 to 7.5");
  for (const AccuracyGroup& group : found.groups) CHECK(group.accuracy.pairs == 2);
  CHECK(found.groups[1].accuracy.accuracy.value == 0);
  CHECK(found.groups[2].accuracy.accuracy.value == 1);
}
