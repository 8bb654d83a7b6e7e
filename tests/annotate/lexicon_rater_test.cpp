#include "annotate/lexicon_rater.h"

#include <cmath>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {

namespace {

class SmallLexicon {
  test::TemporaryFolder folder_;

 public:
  Lexicon load(const std::string& text) {
    test::write_file(folder_ / "lexicon.txt", text);
    return Lexicon(folder_ / "lexicon.txt");
  }

  const Lexicon lexicon_ = load(
      "good\t1.9\t0.9\t[2, 1, 2, 3, 2, 4, 2, 2, 2, 1]\n"
      "bad\t-2.5\t0.7\t[-3, -2, -4, -3, -2, -2, -3, -2, -2, -2]\n"
      ":)\t2.0\t1.2\t[2, 2, 1, 1, 1, 1, 4, 3, 4, 1]\r\n");
};

}  // namespace

TEST_CASE_METHOD(SmallLexicon, "each rater has their own view of a word") {
  CHECK(LexiconRater(lexicon_, 0).score("good") == Approx(2));
  CHECK(LexiconRater(lexicon_, 1).score("good") == Approx(1));
  CHECK(LexiconRater(lexicon_, 5).score("Good!") == Approx(4));
  CHECK(LexiconRater(lexicon_, 9).score(":)") == Approx(1));
  CHECK(LexiconRater(lexicon_, 0).score("") == 0);
  CHECK_THROWS_AS(LexiconRater(lexicon_, 10), UserError);
}

TEST_CASE_METHOD(SmallLexicon, "a score is the sum over the square root of the number of words") {
  const LexiconRater rater(lexicon_, 0);
  CHECK(rater.score("a good film") == Approx(2 / std::sqrt(3.0)));
  CHECK(rater.score("good, bad and\nGOOD") == Approx((2 - 3 + 2) / std::sqrt(4.0)));
}

TEST_CASE_METHOD(SmallLexicon, "a negation turns the three words after it") {
  const LexiconRater rater(lexicon_, 0);
  CHECK(rater.score("not good") == Approx(-0.74 * 2 / std::sqrt(2.0)));
  CHECK(rater.score("isn't it that bad") == Approx(-0.74 * -3 / 2));
  CHECK(rater.score("not one two three good") == Approx(2 / std::sqrt(5.0)));
}

TEST_CASE_METHOD(SmallLexicon, "texts of equal score tie") {
  const LexiconRater rater(lexicon_, 0);
  CHECK(rater.rank({"good", "plain", "bad", "neutral words here"}) == std::vector<int>{1, 2, 3, 2});
  CHECK(rater.rank({"plain", "neutral"}) == std::vector<int>{1, 1});
  // Rater 0 gives 2 to both, rater 1 one more to the smile.
  CHECK(rater.rank({"good", ":)"}) == std::vector<int>{1, 1});
  CHECK(LexiconRater(lexicon_, 1).rank({"good", ":)"}) == std::vector<int>{2, 1});
}

TEST_CASE_METHOD(SmallLexicon, "an emoticon may hold a bracket") {
  const Lexicon smiles = load(":[\t-2.0\t0.6\t[-1, -2, -1, -2, -2, -3, -3, -2, -1, -2]\r\n");
  CHECK(LexiconRater(smiles, 0).score(":[") == Approx(-1));
}

TEST_CASE_METHOD(SmallLexicon, "a file that is no lexicon is told by its line") {
  for (const std::string bad : {"word only\n", "w\t1\t1\t[1, 2]\n", "w\t1\t1\t[1,2,3,4,5,6,7,8,9,10]\n",
                                "w\t1\t1\t[1,1,1,1,1,1,1,1,1,1,1]\n"}) {
    try {
      load("good\t1\t1\t[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + bad);
      FAIL("accepted: " << bad);
    } catch (const UserError& error) {
      CHECK(std::string(error.what()).find("lexicon.txt:2:") != std::string::npos);
    }
  }
  CHECK_THROWS_AS(load(""), UserError);
  CHECK_THROWS_AS(Lexicon("/no/such/file"), UserError);
}

}  // namespace rlhf
