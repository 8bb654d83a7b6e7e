#include "annotate/ranking_entry.h"

#include "contract/error.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

using Ranks = std::vector<std::optional<int>>;

/// Presses all keys; gives the step of the last.
Step press(RankingEntry& entry, const std::string& keys) {
  Step step = Step::kMore;
  for (const char key : keys) step = entry.press(key);
  return step;
}

}  // namespace

TEST_CASE("digits name the responses best first, and the last one submits") {
  RankingEntry entry(3);
  CHECK(press(entry, "31") == Step::kMore);
  CHECK(entry.order() == "3 > 1");
  CHECK(press(entry, "2") == Step::kSubmit);
  CHECK(entry.ranks() == Ranks{2, 3, 1});
}

TEST_CASE("= ties the next response with the one before") {
  RankingEntry entry(4);
  CHECK(press(entry, "2=4 1=3") == Step::kSubmit);
  CHECK(entry.ranks() == Ranks{2, 1, 2, 1});
  CHECK(entry.order() == "2 = 4 > 1 = 3");
  RankingEntry all(2);
  CHECK(press(all, "1=2") == Step::kSubmit);
  CHECK(all.ranks() == Ranks{1, 1});
}

TEST_CASE("Enter puts the only response left in the last place") {
  RankingEntry entry(3);
  CHECK(press(entry, "31\n") == Step::kSubmit);
  CHECK(entry.ranks() == Ranks{2, 3, 1});
  RankingEntry tied(2);
  CHECK(press(tied, "2=\n") == Step::kSubmit);
  CHECK(tied.ranks() == Ranks{1, 1});
  RankingEntry early(3);
  CHECK(press(early, "1\n") == Step::kMore);
  CHECK(early.message() == "2 responses have no place yet");
  RankingEntry none(2);
  CHECK(press(none, "\n") == Step::kMore);
  CHECK(none.message().empty());
}

TEST_CASE("u takes the last key back, and with nothing entered the last answer") {
  RankingEntry entry(3);
  press(entry, "1=");
  CHECK(entry.order() == "1 =");
  press(entry, "u");
  CHECK(entry.order() == "1");
  press(entry, "=2u");
  CHECK(entry.order() == "1 =");
  press(entry, "uu");
  CHECK(entry.order().empty());
  CHECK(press(entry, "u") == Step::kTakeBack);
  CHECK(press(entry, "321") == Step::kSubmit);
}

TEST_CASE("keys that cannot mean anything say why and change nothing") {
  RankingEntry entry(3);
  CHECK(press(entry, "=") == Step::kMore);
  CHECK_FALSE(entry.message().empty());
  CHECK(press(entry, "4") == Step::kMore);
  CHECK(entry.message() == "there is no response 4");
  CHECK(press(entry, "11") == Step::kMore);
  CHECK(entry.message() == "response 1 has its place already; u takes the last one back");
  CHECK(press(entry, "0") == Step::kMore);
  CHECK_FALSE(entry.message().empty());
  CHECK(entry.ranks() == Ranks{1, std::nullopt, std::nullopt});
  CHECK(press(entry, "2") == Step::kMore);
  CHECK(entry.message().empty());
}

TEST_CASE("a refused digit leaves a tie waiting") {
  RankingEntry entry(3);
  CHECK(press(entry, "1=1=2") == Step::kMore);
  CHECK(entry.ranks() == Ranks{1, 1, std::nullopt});
}

TEST_CASE("letters ask for what is not a ranking") {
  RankingEntry entry(2);
  CHECK(entry.press('s') == Step::kMore);
  CHECK(entry.message() == "s again skips this task for you; any other key goes on");
  CHECK(entry.press('1') == Step::kMore);
  CHECK(entry.press('s') == Step::kMore);
  CHECK(entry.press('s') == Step::kSkip);
  CHECK(entry.press('x') == Step::kNotRankable);
  CHECK(entry.press('?') == Step::kGuidelines);
  CHECK(entry.press('q') == Step::kQuit);
}

TEST_CASE("a draft goes on where it was") {
  RankingEntry entry(4, Ranks{2, std::nullopt, 1, 1});
  CHECK(entry.order() == "3 = 4 > 1");
  CHECK(press(entry, "2") == Step::kSubmit);
  CHECK(entry.ranks() == Ranks{2, 3, 1, 1});
}

TEST_CASE("tasks that digits cannot name are refused") {
  CHECK_THROWS_AS(RankingEntry(1), UserError);
  CHECK_THROWS_AS(RankingEntry(10), UserError);
}

}  // namespace rlhf
