#include "label_quality/disagreements.h"

#include "tests/label_quality/answers.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

std::vector<RankedAnswer> about(int64_t prompt, std::vector<RankedAnswer> answers) {
  for (RankedAnswer& answer : answers) {
    answer.prompt_id = prompt;
    answer.annotation_id += 100 * prompt;
  }
  return answers;
}

}  // namespace

TEST_CASE("the worst come first, what all agree on not at all") {
  Disagreements worst(2);
  worst.add_prompt(about(1, {test::answer(1, 1, {1, 2, 3}), test::answer(2, 2, {1, 2, 3})}));
  worst.add_prompt(about(2, {test::answer(1, 1, {1, 2, 3}), test::answer(2, 2, {1, 3, 2})}));
  worst.add_prompt(about(3, {test::answer(1, 1, {1, 2, 3}), test::answer(2, 2, {3, 2, 1})}));
  worst.add_prompt(about(4, {test::answer(1, 1, {1, 2, 3}), test::answer(2, 2, {1, 2, 2})}));
  const auto found = worst.worst();
  REQUIRE(found.size() == 2);
  CHECK(found[0].answers[0].prompt_id == 3);
  CHECK(found[0].disagreement == Approx(1));
  CHECK(found[1].answers[0].prompt_id == 2);
  CHECK(found[1].disagreement == Approx(1.0 / 3));
}

TEST_CASE("one prompt may have several sets of responses") {
  RankedAnswer other = test::answer(3, 1, {1, 2});
  other.items = {{8, 0, 1}, {9, 1, 2}};
  RankedAnswer against = other;
  against.annotation_id = 4;
  against.annotator_id = 2;
  against.items = {{8, 0, 2}, {9, 1, 1}};
  Disagreements worst(10);
  worst.add_prompt({test::answer(1, 1, {1, 2, 2}), other, test::answer(2, 2, {1, 2, 3}), against});
  const auto found = worst.worst();
  REQUIRE(found.size() == 2);
  CHECK(found[0].answers[0].items[0].response_id == 8);
  CHECK(found[1].people == 2);
}

TEST_CASE("of one person the latest answer, and only where the one asked for is part of it") {
  const std::vector<RankedAnswer> answers = {test::answer(1, 1, {2, 1}), test::answer(2, 2, {1, 2}),
                                             test::answer(3, 1, {1, 2})};
  Disagreements worst(10);
  worst.add_prompt(answers);
  CHECK(worst.worst().empty());
  Disagreements of_three(10, 3);
  of_three.add_prompt({answers[0], answers[1]});
  CHECK(of_three.worst().empty());
  Disagreements of_two(10, 2);
  of_two.add_prompt({answers[0], answers[1]});
  CHECK(of_two.worst().size() == 1);
}

}  // namespace rlhf
