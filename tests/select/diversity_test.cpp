#include "select/diversity.h"

#include <cmath>

#include "tests/support/catch.h"

using namespace rlhf;

namespace {

TextFeatures at(float x, float y) {
  TextFeatures features{};
  features[0] = x;
  features[1] = y;
  return features;
}

double distance(const TextFeatures& a, const TextFeatures& b) {
  double squares = 0;
  for (std::size_t i = 0; i < kTextFeatures; ++i) squares += std::pow(static_cast<double>(a[i] - b[i]), 2);
  return std::sqrt(squares);
}

// Four points of the unit circle, two of them one.
const std::vector<TextFeatures> kPoints = {at(1, 0), at(1, 0), at(0, 1), at(0.8f, 0.6f)};

void check_picks(const std::vector<Pick>& picks, const std::vector<Pick>& expected) {
  REQUIRE(picks.size() == expected.size());
  for (std::size_t i = 0; i < picks.size(); ++i) {
    CHECK(picks[i].index == expected[i].index);
    CHECK(picks[i].priority == Approx(expected[i].priority).margin(1e-6));
  }
}

}  // namespace

TEST_CASE("farthest first begins at the middle and goes where nothing is yet") {
  // The mean is (0.7, 0.4): 0.5 from (1, 0), 0.922 from (0, 1), 0.224 from (0.8, 0.6), which is first. From
  // there it is sqrt(0.8) to (0, 1) and sqrt(0.4) to (1, 0); the second (1, 0) is then where one is already.
  check_picks(farthest_first(kPoints, {}, 4), {{3, 2}, {2, std::sqrt(0.8)}, {0, std::sqrt(0.4)}, {1, 0}});
  check_picks(farthest_first(kPoints, {}, 1), {{3, 2}});
  CHECK(farthest_first(kPoints, {}, 9).size() == 4);
  CHECK(farthest_first({}, {}, 2).empty());
}

TEST_CASE("what there is already counts: farthest first from centres") {
  check_picks(farthest_first(kPoints, {at(0, 1)}, 2), {{0, std::sqrt(2.0)}, {3, std::sqrt(0.4)}});
}

TEST_CASE("going on with those chosen as centres gives what asking for more would have") {
  const std::vector<TextFeatures> rest = {kPoints[0], kPoints[1]};
  check_picks(farthest_first(rest, {kPoints[3], kPoints[2]}, 2), {{0, std::sqrt(0.4)}, {1, 0}});
}

TEST_CASE("features are of length 1, the same for the same words, and near for like texts") {
  const Prompt prompt{"the film", {}};
  const TextFeatures features = text_features(prompt, {"was good", "was bad"});
  CHECK(distance(features, {}) == Approx(1));
  CHECK(features == text_features({"THE  Film", {}}, {"was good ", "Was bad"}));
  CHECK(features == text_features({"", {{"user", "the film"}}}, {"was bad", "was good"}));
  CHECK(distance(features, text_features(prompt, {"was good", "was slow"})) <
        distance(features, text_features({"a plot", {}}, {"never ends", "begins late"})));
  CHECK(distance(text_features(prompt, {"good plot"}), text_features(prompt, {"plot good"})) >
        0.1);  // pairs differ
  CHECK(distance(text_features(prompt, {"good plot"}), text_features(prompt, {"good", "plot"})) > 0.1);
  CHECK(distance(text_features({}, {"", " "}), {}) == 0);
}
