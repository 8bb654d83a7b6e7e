#include "label_quality/answer_times.h"

#include <cmath>

#include "tests/support/catch.h"

namespace rlhf {

namespace {

std::vector<AnswerTime> times(int64_t annotator, const std::vector<double>& ms) {
  std::vector<AnswerTime> answers;
  for (std::size_t i = 0; i < ms.size(); ++i)
    answers.push_back({annotator * 100 + static_cast<int64_t>(i), annotator, ms[i]});
  return answers;
}

}  // namespace

TEST_CASE("plausible times by hand") {
  // Powers of two around 1024: in units of log 2 the median is 10 and the median deviation 1.
  const std::vector<double> ms = {256, 512, 512, 512, 1024, 1024, 1024, 2048, 2048, 2048, 4096};
  const PlausibleTimes found = plausible_times(ms).value();
  CHECK(found.median_ms == Approx(1024));
  CHECK(found.high_ms == Approx(1024 * std::pow(2, 3.5 * 1.4826)));
  CHECK(found.low_ms == Approx(1024 / std::pow(2, 3.5 * 1.4826)));
}

TEST_CASE("a steady hand is not held to its own steadiness") {
  const PlausibleTimes found = plausible_times(std::vector<double>(20, 5000.0)).value();
  CHECK(found.low_ms == Approx(5000 / std::exp(0.7)));
  CHECK_FALSE(plausible_times(std::vector<double>(9, 5000.0)));
  CHECK(plausible_times(std::vector<double>(20, 0.0))->median_ms == Approx(1));
}

TEST_CASE("a click through and a coffee break stand out, the rest does not") {
  std::vector<double> ms;
  for (int i = 0; i < 20; ++i) ms.push_back(8000 + 500 * i);
  ms.push_back(300);
  ms.push_back(1800000);
  const auto outliers = time_outliers(times(1, ms));
  REQUIRE(outliers.size() == 2);
  CHECK_FALSE(outliers[0].fast);
  CHECK(outliers[0].answer.annotation_id == 121);
  CHECK(outliers[1].fast);
  CHECK(outliers[1].answer.annotation_id == 120);
  CHECK_FALSE(outliers[1].beside_own);
}

TEST_CASE("what is plausible for others may not be for oneself") {
  std::vector<double> wide;
  for (int i = 0; i < 200; ++i) wide.push_back(2000 * std::pow(1.02, i));  // to 103 seconds
  std::vector<AnswerTime> answers = times(1, wide);
  std::vector<double> slow;
  for (int i = 0; i < 30; ++i) slow.push_back(60000 + 1000 * i);
  slow.push_back(3000);
  const auto own = times(2, slow);
  answers.insert(answers.end(), own.begin(), own.end());
  const auto outliers = time_outliers(answers);
  REQUIRE(outliers.size() == 1);
  CHECK(outliers[0].beside_own);
  CHECK(outliers[0].fast);
  CHECK(outliers[0].answer.annotation_id == 230);
  CHECK(outliers[0].factor() == Approx(74000.0 / 3000));
}

}  // namespace rlhf
