#include "label_quality/rating_agreement.h"

#include "tests/support/catch.h"

namespace rlhf {

namespace {

GivenRating rating(int64_t annotation, int64_t response, int64_t annotator, double value) {
  return {annotation, 1, response, annotator, value};
}

}  // namespace

TEST_CASE("ratings by three people, by hand") {
  const RatingAgreement found = rating_agreement({rating(1, 1, 1, 4), rating(2, 1, 2, 2), rating(3, 1, 3, 0),
                                                  rating(4, 2, 1, 1), rating(5, 2, 2, 1), rating(6, 3, 1, 5)},
                                                 10);
  CHECK(found.ratings == 6);
  CHECK(found.responses == 3);
  CHECK(found.responses_rated_twice == 2);
  CHECK(found.percent.value() == Approx(1.0 / 4));
  // Values 4 2 0 | 1 1: observed (4 + 16 + 4) * 2 / 2, expected 2 * (5 * 22 - 64) / 4.
  CHECK(found.alpha_interval.value() == Approx(1 - 24.0 / 23));
  REQUIRE(found.raters.size() == 3);
  CHECK(found.raters.at(1).ratings == 2);
  CHECK(found.raters.at(1).bias == Approx((3.0 + 0) / 2));
  CHECK(found.raters.at(2).distance == Approx(0));
  CHECK(found.raters.at(3).bias == Approx(-3));
  REQUIRE(found.disputed.size() == 1);
  CHECK(found.disputed[0].response_id == 1);
  CHECK(found.disputed[0].deviation == Approx(2));
}

TEST_CASE("a rating given again takes the place of the first; nobody known is somebody else each time") {
  const RatingAgreement again =
      rating_agreement({rating(1, 1, 1, 4), rating(9, 1, 1, 2), rating(3, 1, 2, 2)}, 10);
  CHECK(again.ratings == 2);
  CHECK(again.percent == 1.0);
  const RatingAgreement unknown =
      rating_agreement({rating(1, 1, 0, 4), rating(2, 1, 0, 2), rating(3, 1, 0, 2)}, 10);
  CHECK(unknown.ratings == 3);
  CHECK(unknown.percent.value() == Approx(1.0 / 3));
  CHECK(unknown.raters.empty());
}

TEST_CASE("ratings without overlap have no agreement") {
  const RatingAgreement found = rating_agreement({rating(1, 1, 1, 4), rating(2, 2, 2, 2)}, 10);
  CHECK(found.responses == 2);
  CHECK(found.responses_rated_twice == 0);
  CHECK_FALSE(found.alpha_interval);
  CHECK_FALSE(found.percent);
}

}  // namespace rlhf
