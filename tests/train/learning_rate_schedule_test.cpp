#include "train/learning_rate_schedule.h"

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

TEST_CASE("every schedule gives the rates of transformers' own, warm-up in steps or as a share") {
  const auto cases = nlohmann::json::parse(test::read_file(test::fixture("train/schedules.json")));
  REQUIRE(cases.size() == 17);
  for (const auto& expected : cases) {
    const auto rates = expected["rates"].get<std::vector<double>>();
    const LearningRateSchedule schedule{expected["type"], expected["peak"], expected["warmup_steps"],
                                        expected["min_lr_rate"], static_cast<int64_t>(rates.size())};
    for (size_t step = 0; step < rates.size(); ++step) {
      INFO(expected["type"] << ", warm-up " << expected["warmup_steps"] << ", step " << step);
      CHECK(schedule.rate(static_cast<int64_t>(step)) == Approx(rates[step]).epsilon(1e-12).margin(1e-19));
    }
  }
}

TEST_CASE("linear ends at min_lr_rate too, and stays there past the end") {
  const LearningRateSchedule schedule{"linear", 2.0, 0, 0.25, 4};
  CHECK(schedule.rate(0) == Approx(2.0));
  CHECK(schedule.rate(2) == Approx(2.0 * (0.25 + 0.75 * 0.5)));
  CHECK(schedule.rate(4) == Approx(0.5));
  CHECK(schedule.rate(9) == Approx(0.5));
}

TEST_CASE("a rate depends on the step alone, so a resumed run has the rates it would have had") {
  LearningRateSchedule whole{"cosine", 1.0, 0.2, 0, 20};
  std::vector<double> rates;
  for (int64_t step = 0; step < 20; ++step) rates.push_back(whole.rate(step));
  for (int64_t step = 19; step >= 7; --step)
    CHECK(LearningRateSchedule{"cosine", 1.0, 0.2, 0, 20}.rate(step) == rates[static_cast<size_t>(step)]);
}

TEST_CASE("an unknown schedule is refused by name") {
  CHECK_THROWS_WITH((LearningRateSchedule{"sawtooth", 1.0, 0, 0, 5}.rate(1)), test::contains("'sawtooth'"));
  CHECK_THROWS_AS((LearningRateSchedule{"sawtooth", 1.0, 0, 0, 5}.rate(1)), UserError);
}
