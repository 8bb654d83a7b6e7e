#include "label_quality/known_answer.h"
#include "label_quality/position_bias.h"
#include "tests/label_quality/answers.h"
#include "tests/support/catch.h"

namespace rlhf {

TEST_CASE("the first shown wins where its rank is better, ties apart") {
  ClusteredShare share;
  add_first_wins(test::answer(1, 1, {2, 1, 2}), share);  // 2 before 1 and 3: one of two
  CHECK(share.hits() == 1);
  CHECK(share.of() == 2);
  RankedAnswer other = test::answer(2, 1, {1, 2, 3});
  other.items[0].position = 2;  // shown as 3, 2, 1
  other.items[2].position = 0;
  add_first_wins(other, share);
  CHECK(share.hits() == 1);
  CHECK(share.of() == 5);
}

TEST_CASE("how responses stood in a file is nobody's bias") {
  RankedAnswer imported = test::answer(1, 1, {1, 2});
  imported.task_id = 0;
  ClusteredShare share;
  add_first_wins(imported, share);
  CHECK(share.of() == 0);
}

TEST_CASE("an answer is right where its order is the known one, ties included") {
  const KnownRanks known = {{1, 1}, {2, 2}, {3, 2}};
  CHECK(check_answer(test::answer(1, 1, {1, 2, 2}), known).right == 3);
  CHECK(check_answer(test::answer(1, 1, {1, 2, 3}), known).right == 2);  // 2 and 3 are known to tie
  CHECK(check_answer(test::answer(1, 1, {2, 1, 1}), known).right == 1);
  CHECK(check_answer(test::answer(1, 1, {1, 2, 3, 4}), known).pairs == 3);  // of 4 nothing is known
}

}  // namespace rlhf
