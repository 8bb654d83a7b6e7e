#include "evaluate/length_bias.h"

#include <cmath>

#include "tests/evaluate/scored.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

ScoredRanking pair(const std::string& chosen, const std::string& rejected, double score, double other,
                   std::size_t cluster) {
  ScoredRanking made = test::scored({1, 2}, {score, other}, cluster);
  made.ranking.responses = {chosen, rejected};
  return made;
}

}  // namespace

TEST_CASE("length is in characters, not bytes") {
  CHECK(characters("") == 0);
  CHECK(characters("na\xc3\xafve \xf0\x9f\x8e\xac") == 7);
}

TEST_CASE("shares of the longer, and accuracy either way, are those counted by hand") {
  const std::vector<ScoredRanking> rankings{
      pair("long one", "short", 2, 1, 0),     // people longer, model longer
      pair("long one", "short", 1, 2, 1),     // people longer, model shorter
      pair("brief", "much longer", 0, 1, 2),  // people shorter, model longer
      pair("short", "much longer", 3, 3, 3),  // people shorter, the model cannot tell
      pair("four", "b\xc3\xa9ll", 5, 0, 4)};  // as long as one another
  const LengthBias found = length_bias(scored_pairs(rankings));
  CHECK(found.pairs == 4);
  CHECK(found.people_longer->value == 0.5);
  CHECK(found.model_longer->value == Approx(2.5 / 4));
  CHECK(found.longer_accuracy->value == 0.5);
  CHECK(found.shorter_accuracy->value == 0.25);
}

TEST_CASE("score and length are correlated within prompts, each response once") {
  // Lengths 1, 2, 3 with scores 0, 1, 0.5 about their means; the other prompt's are longer and score lower.
  ScoredRanking first = test::scored({1, 2, 3}, {0, 1, 0.5}, 0), second = test::scored({1, 2}, {-9, -10}, 1);
  first.ranking.responses = {"a", "bb", "ccc"};
  second.ranking.responses = {"aaaaaaaaaa", "aaaaaaaaaaaa"};
  const std::vector<ScoredRanking> rankings{first, first, second};
  const double both = (-1 * -0.5 + 0 + 1 * 0) + (-1 * 0.5 + 1 * -0.5), lengths = 2 + 2, scores = 0.5 + 0.5;
  CHECK(*length_bias(scored_pairs(rankings)).correlation == Approx(both / std::sqrt(lengths * scores)));
  const LengthBias level = length_bias(scored_pairs(std::vector{pair("a", "b", 1, 2, 0)}));
  CHECK((level.pairs == 0 && !level.people_longer && !level.correlation));
}
