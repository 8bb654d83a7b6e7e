// Two responses of at most four tokens, worked by hand. beta 0.1, gamma 1, lambda 1/2, eps 0.2, eps_v 0.2,
// vf_coef 0.1.
//
//                   response 1 (ends in EOS after 3 tokens)       response 2 (4 tokens, no EOS)
//   l               -1.0   -2.0   -0.5                            -1.0   -1.0   -2.0   -1.5
//   f               -1.2   -1.5   -0.5                            -2.0   -1.0   -1.0   -1.5
//   l - f            0.2   -0.5    0.0                             1.0    0.0   -1.0    0.0
//   -beta (l - f)   -0.02   0.05   0.0                            -0.1    0.0    0.1    0.0
//   score            1.0                                           2.0, replaced by -1.0
//   r               -0.02   0.05   1.0                            -0.1    0.0    0.1   -1.0
//   V                0.5    0.4    0.8                             0.0    0.2   -0.2    0.0
//   V next           0.4    0.8    0                               0.2   -0.2    0.0    0
//   delta           -0.12   0.45   0.2                             0.1   -0.4    0.3   -1.0
//   A = delta + A'/2 from the right:
//     response 1:  A3 = 0.2; A2 = 0.45 + 0.1 = 0.55; A1 = -0.12 + 0.275 = 0.155
//     response 2:  A4 = -1.0; A3 = 0.3 - 0.5 = -0.2; A2 = -0.4 - 0.1 = -0.5; A1 = 0.1 - 0.25 = -0.15
//   R = A + V        0.655  0.95   1.0                            -0.15  -0.3   -0.4   -1.0
#include <cmath>

#include "contract/error.h"
#include "tests/ppo/episodes.h"
#include "tests/support/catch.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

torch::Tensor doubles(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64);
}

struct Worked {
  Convention convention;
  RewardOptions options;
  Experience experience;
};

Worked worked_example() {
  Worked w;
  w.convention.lambda = 0.5;
  w.options.missing_eos_score = -1.0;
  const auto tokens = Segments::of_lengths({3, 4});
  w.experience = {tokens,
                  tokens,
                  doubles({-1.0, -2.0, -0.5, -1.0, -1.0, -2.0, -1.5}),
                  doubles({-1.2, -1.5, -0.5, -2.0, -1.0, -1.0, -1.5}),
                  doubles({0.5, 0.4, 0.8, 0.0, 0.2, -0.2, 0.0}),
                  doubles({1.0, 2.0}),
                  doubles({0.0, 0.0}),
                  {true, false}};
  return w;
}

constexpr double kTiny = 1e-12;

}  // namespace

TEST_CASE("rewards of the worked example") {
  const auto w = worked_example();
  const auto rewards = shape_rewards(w.experience, 0.1, w.options, w.convention);
  CHECK(largest_difference(rewards.kl, doubles({0.2, -0.5, 0.0, 1.0, 0.0, -1.0, 0.0})) < kTiny);
  CHECK(largest_difference(rewards.effective_scores, doubles({1.0, -1.0})) < kTiny);
  CHECK(largest_difference(rewards.rewards, doubles({-0.02, 0.05, 1.0, -0.1, 0.0, 0.1, -1.0})) < kTiny);
}

TEST_CASE("advantages and returns of the worked example") {
  const auto w = worked_example();
  const auto rewards = shape_rewards(w.experience, 0.1, w.options, w.convention);
  const auto a = estimate_advantages(w.experience, rewards, w.convention);
  CHECK(largest_difference(a.raw, doubles({0.155, 0.55, 0.2, -0.15, -0.5, -0.2, -1.0})) < kTiny);
  CHECK(largest_difference(a.returns, doubles({0.655, 0.95, 1.0, -0.15, -0.3, -0.4, -1.0})) < kTiny);
  // Sum of A = 0.905 - 1.85 = -0.945, mean -0.135.
  // Squares: 0.024025 + 0.3025 + 0.04 + 0.0225 + 0.25 + 0.04 + 1 = 1.679025; /7 - 0.135^2 =
  // 0.22163571428571...
  const double variance = 1.679025 / 7 - 0.135 * 0.135;
  CHECK(variance == Approx(0.2216357142857).margin(1e-12));
  CHECK(a.whitened[1].item<double>() == Approx((0.55 + 0.135) / std::sqrt(variance + 1e-8)).margin(kTiny));
  CHECK(a.whitened.mean().item<double>() == Approx(0.0).margin(kTiny));
}

TEST_CASE("losses of the worked example") {
  // Three tokens with A = 1, -1, 2 and ratios 1.5, 0.5, 1.0:
  //   A 1:  max(-1.5, -1.2) = -1.2, clipped.   A -1: max(0.5, 0.8) = 0.8, clipped.   A 2: max(-2, -2) = -2.
  //   mean = -2.4 / 3 = -0.8; entropy 0.3, 0.6, 0.9 has mean 0.6; with ent_coef 0.5 the loss is -0.8 - 0.3 =
  //   -1.1.
  Convention convention;
  convention.ent_coef = 0.5;
  const auto old = doubles({-1.0, -1.0, -1.0});
  const auto ratio = doubles({1.5, 0.5, 1.0});
  const auto policy =
      policy_loss({old + ratio.log(), doubles({0.3, 0.6, 0.9}), old, doubles({1, -1, 2})}, convention, 3);
  CHECK(policy.loss.item<double>() == Approx(-1.1).margin(kTiny));
  CHECK(policy.statistics.clip_fraction() == Approx(2.0 / 3));
  CHECK(policy.statistics.mean(&PolicyStatistics::loss) == Approx(-0.8));
  CHECK(policy.statistics.mean(&PolicyStatistics::ratio) == Approx(1.0));
  CHECK(policy.statistics.ratio_variance() == Approx(0.5 / 3));
  CHECK(policy.statistics.ratio_gap == Approx(0.5));
  const double log_ratios = std::pow(std::log(1.5), 2) + std::pow(std::log(0.5), 2);
  CHECK(policy.statistics.approx_kl() == Approx(log_ratios / 6));
  // Two values, V = 0 and 0, R = 1 and 0.1, v = 0.5 and 0.1:
  //   first: plain (0.5 - 1)^2 = 0.25, moved to 0.2: (0.2 - 1)^2 = 0.64, clipped.   second: plain 0, moved
  //   0.1: 0. 1/2 mean = 1/2 (0.64 + 0) / 2 = 0.16; times vf_coef 0.1 = 0.016.
  const auto value = value_loss({doubles({0.5, 0.1}), doubles({0, 0}), doubles({1.0, 0.1})}, convention, 2);
  CHECK(value.loss.item<double>() == Approx(0.016).margin(kTiny));
  CHECK(value.statistics.mean(&ValueStatistics::loss) == Approx(0.16));
  CHECK(value.statistics.clip_fraction() == Approx(0.5));
}

TEST_CASE("what moved less than the clip range does not count as clipped, whatever rounding does") {
  torch::manual_seed(1);
  const Convention convention;
  const auto old = torch::randn({1000}), moved = old + 0.1 * torch::rand({1000});
  const auto value = value_loss({moved, old, torch::randn({1000})}, convention, 1000);
  CHECK(value.statistics.clip_fraction() == 0);
}

TEST_CASE("a response without an end, or too short, loses its score or pays, but only once") {
  auto w = worked_example();
  w.options = {};
  w.options.missing_eos_penalty = 0.75;
  const auto scores = [&] {
    return shape_rewards(w.experience, 0.1, w.options, w.convention).effective_scores;
  };
  CHECK(largest_difference(scores(), doubles({1.0, 1.25})) < kTiny);
  w.options.min_response_length = 3;  // response 1 has exactly 3
  CHECK(largest_difference(scores(), doubles({1.0, 1.25})) < kTiny);
  w.options.min_response_length = 5;  // both too short; response 2 has no end either and pays once
  CHECK(largest_difference(scores(), doubles({0.25, 1.25})) < kTiny);
  w.options = {};
  w.options.missing_eos_score = -1;
  w.options.min_response_length = 4;
  CHECK(largest_difference(scores(), doubles({-1.0, -1.0})) < kTiny);
}

TEST_CASE("what an ensemble does not agree on costs its spread times the penalty") {
  auto w = worked_example();
  w.options = {};
  w.experience.score_spreads = doubles({0.4, 1.5});
  const auto scores = [&] {
    return shape_rewards(w.experience, 0.1, w.options, w.convention).effective_scores;
  };
  CHECK(largest_difference(scores(), doubles({1.0, 2.0})) < kTiny);
  w.options.spread_penalty = 0.5;  // 1 - 0.5 * 0.4, 2 - 0.5 * 1.5
  CHECK(largest_difference(scores(), doubles({0.8, 1.25})) < kTiny);
  w.options.missing_eos_penalty = 0.75;  // of response 2, on top
  CHECK(largest_difference(scores(), doubles({0.8, 0.5})) < kTiny);
  w.options.missing_eos_penalty = {};
  w.options.missing_eos_score = -1.0;  // replaces the score, whatever it was
  CHECK(largest_difference(scores(), doubles({0.8, -1.0})) < kTiny);
  const auto rewards = shape_rewards(w.experience, 0.1, w.options, w.convention).rewards;
  CHECK(largest_difference(rewards, doubles({-0.02, 0.05, 0.8, -0.1, 0.0, 0.1, -1.0})) < kTiny);
  w.options.spread_penalty = -0.1;
  CHECK_THROWS_AS(w.options.check(), UserError);
}

TEST_CASE("the two ways to treat a missing end exclude each other, and a minimum length needs one of them") {
  auto w = worked_example();
  w.options.missing_eos_penalty = 1.0;
  CHECK_THROWS_AS(shape_rewards(w.experience, 0.1, w.options, w.convention), UserError);
  w.options = {};
  w.options.min_response_length = 2;
  CHECK_THROWS_AS(w.options.check(), UserError);
}
