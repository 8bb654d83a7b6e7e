#include "ppo/kl_controller.h"

#include <limits>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "ppo/convention.h"
#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("beta rises when KL is above target and falls when it is below, by at most 20 % a horizon") {
  KlController controller({0.5, 6.0, 1000});
  controller.update(6.6, 100);  // error 0.1: 0.5 (1 + 0.1 / 10) = 0.505
  CHECK(controller.beta() == Approx(0.505).margin(1e-12));
  controller.update(60.0, 1000);  // error clipped to 0.2: 0.505 * 1.2 = 0.606
  CHECK(controller.beta() == Approx(0.606).margin(1e-12));
  controller.update(0.0, 1000);  // error clipped to -0.2: 0.606 * 0.8 = 0.4848
  CHECK(controller.beta() == Approx(0.4848).margin(1e-12));
}

TEST_CASE("without a target beta stays where it is") {
  KlController controller({0.25, {}, 10000});
  controller.update(100.0, 64);
  CHECK(controller.beta() == 0.25);
}

TEST_CASE("a restored controller goes on with the same bits") {
  KlController controller({0.1, 6.0, 640});
  controller.update(7.123456789, 64);
  const auto saved = controller.state().dump();
  KlController resumed({0.1, 6.0, 640});
  resumed.restore(nlohmann::json::parse(saved), "trainer_state.json");
  CHECK(resumed.beta() == controller.beta());
}

TEST_CASE("bad settings and a bad state are refused") {
  CHECK_THROWS_AS(KlController({-0.1, {}, 10000}), UserError);
  CHECK_THROWS_AS(KlController({0.1, 0.0, 10000}), UserError);
  CHECK_THROWS_AS(KlController({0.1, 6.0, 0}), UserError);
  KlController controller({0.1, 6.0, 640});
  for (const auto* bad : {"{}", "[]", "3", R"({"beta": "x"})", R"({"beta": -1})", R"({"beta": null})"}) {
    CHECK_THROWS_AS(controller.restore(nlohmann::json::parse(bad), "trainer_state.json"), UserError);
  }
  CHECK_THROWS_AS(controller.update(std::numeric_limits<double>::quiet_NaN(), 64), WorldError);
}

TEST_CASE("every named convention is found under its name, and others are refused") {
  for (const auto& name : convention_names()) {
    CHECK(convention_named(name).name == name);
  }
  CHECK_THROWS_AS(convention_named("verl"), UserError);
}
