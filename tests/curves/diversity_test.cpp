#include "curves/diversity.h"

#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("distinct-n pools n-grams over responses without crossing them") {
  const std::vector<std::vector<TokenId>> responses = {{1, 2, 1, 2}, {2, 1}, {7}};
  CHECK(distinct_n(responses, 1) == Approx(3.0 / 7.0));
  CHECK(distinct_n(responses, 2) == Approx(2.0 / 4.0));  // 12 21 12 | 21
  CHECK(distinct_n(responses, 4) == 1.0);
  CHECK(distinct_n(responses, 5) == 0.0);
  CHECK(distinct_n(std::vector<std::vector<TokenId>>{}, 2) == 0.0);
}

TEST_CASE("distinct-n of texts counts words") {
  CHECK(distinct_n(std::vector<std::string>{"great and great and great"}, 2) == Approx(2.0 / 4.0));
  CHECK(distinct_n(std::vector<std::string>{"", "  "}, 1) == 0.0);
}

TEST_CASE("Words drop case and outer punctuation, keep inner punctuation and other scripts") {
  CHECK(words_of("  Well, \"it's\"\tGREAT!\n- caf\xc3\xa9 ") ==
        std::vector<std::string>{"well", "it's", "great", "caf\xc3\xa9"});
  CHECK(words_of("...").empty());
}

TEST_CASE("The share of repeated words is a mean over texts") {
  CHECK(repeated_word_share({"great and great and great"}) == Approx(3.0 / 5.0));
  CHECK(repeated_word_share({"a a", "b c", ""}) == Approx(0.5 / 3.0));
  CHECK(repeated_word_share({}) == 0.0);
}
