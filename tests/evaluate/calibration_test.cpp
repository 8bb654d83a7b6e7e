#include "evaluate/calibration.h"

#include <cmath>

#include "evaluate/score_histogram.h"
#include "tests/evaluate/scored.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::PairsOfGaps;

namespace {

double logit(double p) {
  return std::log(p / (1 - p));
}

}  // namespace

TEST_CASE("bins, ECE, Brier score and log loss are those worked by hand") {
  // Given 0.62, right and wrong; 0.93, right twice; 0.5.
  const PairsOfGaps made({logit(0.62), -logit(0.62), logit(0.93), logit(0.93), 0});
  const Calibration found = calibration(made.pairs());
  REQUIRE(found.bins.size() == 3);
  CHECK((found.bins[0].low == 0.5 && found.bins[0].pairs == 1 && found.bins[0].observed == 0.5));
  CHECK(found.bins[1].low == Approx(0.6));
  CHECK(found.bins[1].high == Approx(0.65));
  CHECK(found.bins[1].pairs == 2);
  CHECK(found.bins[1].predicted == Approx(0.62));
  CHECK(found.bins[1].observed == 0.5);
  CHECK(found.bins[2].predicted == Approx(0.93));
  CHECK(found.bins[2].observed == 1);
  CHECK(found.ece == Approx(2.0 / 5 * 0.12 + 2.0 / 5 * 0.07));
  CHECK(found.brier == Approx((0.38 * 0.38 + 0.62 * 0.62 + 2 * 0.07 * 0.07 + 0.25) / 5));
  CHECK(found.log_loss ==
        Approx(-(std::log(0.62) + std::log(0.38) + 2 * std::log(0.93) + std::log(0.5)) / 5));
}

TEST_CASE("a difference beyond all bounds counts in the last bin, and its log loss is finite") {
  const PairsOfGaps made({900, -900});
  const Calibration found = calibration(made.pairs());
  REQUIRE(found.bins.size() == 1);
  CHECK(found.bins[0].high == 1);
  CHECK(found.ece == Approx(0.5));
  CHECK(found.log_loss == Approx(450));
  CHECK(calibration({}).bins.empty());
}

TEST_CASE("scores fall into bins from the lowest to the highest, once a pair") {
  const std::vector<ScoredRanking> rankings{test::scored({1, 2, 3}, {24, 12.5, 0})};
  const ScoreHistogram found = score_histogram(scored_pairs(rankings));
  CHECK(found.low == 0);
  CHECK(found.width == 1);
  CHECK(found.chosen.counts[23] == 2);
  CHECK(found.chosen.counts[12] == 1);
  CHECK(found.rejected.counts[12] == 1);
  CHECK(found.rejected.counts[0] == 2);
  CHECK(found.chosen.mean == Approx((24 + 24 + 12.5) / 3));
  CHECK(found.rejected.deviation == Approx(12.5 * std::sqrt(2.0) / 3));
  const PairsOfGaps equal({0.0, 0.0});
  CHECK(score_histogram(equal.pairs()).chosen.counts[12] == 2);
}
