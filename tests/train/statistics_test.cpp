#include <cmath>
#include <stdexcept>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "train/kl.h"
#include "train/masked_statistics.h"

using namespace rlhf;

namespace {

torch::Tensor doubles(std::vector<double> values) {
  return torch::tensor(values, torch::kFloat64);
}

}  // namespace

TEST_CASE("moments of parts add up to the moments of the whole") {
  const auto values = torch::randn({1000}, torch::kFloat64) * 3 + 100;
  const auto whole = Moments::of(values);
  Moments parts;
  for (const auto& part : values.split(7)) {
    parts += Moments::from_sums(Moments::of(part).sums());
  }
  CHECK(parts.count == 1000);
  CHECK(parts.mean() == Approx(whole.mean()).epsilon(1e-13));
  CHECK(parts.variance() == Approx(values.var(false).item<double>()).epsilon(1e-9));
  CHECK(parts.variance(true) == Approx(values.var(true).item<double>()).epsilon(1e-9));
}

TEST_CASE("whitened values have mean 0 and deviation 1") {
  // 1, 2, 3, 6: mean 3, squares 4 + 1 + 0 + 9 = 14; biased variance 3.5, unbiased 14 / 3.
  const auto values = doubles({1, 2, 3, 6});
  const auto biased = whiten(values, Moments::of(values));
  CHECK(biased[3].item<double>() == Approx(3 / std::sqrt(3.5 + 1e-8)).margin(1e-12));
  const auto unbiased = whiten(values, Moments::of(values), {.unbiased_variance = true});
  CHECK(unbiased[0].item<double>() == Approx(-2 / std::sqrt(14.0 / 3 + 1e-8)).margin(1e-12));
}

TEST_CASE("equal values whiten to zero, by a sum or by a floor") {
  const auto values = torch::full({5}, 0.1, torch::kFloat64);
  CHECK(whiten(values, Moments::of(values)).abs().max().item<double>() < 1e-10);
  const auto apart = doubles({0.0, 2e-5});  // variance 1e-10, below the floor of 1e-8
  const auto floored = whiten(apart, Moments::of(apart), {.epsilon_is_floor = true});
  CHECK(floored[1].item<double>() == Approx(1e-5 / 1e-4));
  CHECK(whiten(apart, Moments::of(apart))[1].item<double>() == Approx(1e-5 / std::sqrt(1.01e-8)));
}

TEST_CASE("one value whitens to zero, whatever the denominator") {
  const torch::Tensor one = torch::tensor({3.0}, torch::kFloat64);
  for (const bool unbiased : {false, true})
    CHECK(whiten(one, Moments::of(one), {.unbiased_variance = unbiased}).item<double>() == 0);
}

TEST_CASE("a value that is not finite stays visible") {
  const auto values = doubles({1, std::nan(""), 3});
  CHECK(std::isnan(Moments::of(values).variance()));
}

TEST_CASE("statistics of no tokens are refused") {
  CHECK_THROWS_AS(Moments{}.mean(), std::invalid_argument);
  CHECK_THROWS_AS(Moments::of(doubles({1})).variance(true), std::invalid_argument);
}

TEST_CASE("k1 and k3 are the estimators of Schulman's note") {
  const auto l = doubles({-1.0, -2.0}), f = doubles({-1.5, -1.0});
  CHECK(torch::allclose(kl_per_token(l, f, KlEstimator::kK1), doubles({0.5, -1.0})));
  CHECK(torch::allclose(kl_per_token(l, f, KlEstimator::kK3),
                        doubles({std::exp(-0.5) - 1 + 0.5, std::exp(1.0) - 1 - 1.0})));
  CHECK(parse_kl_estimator("k3") == KlEstimator::kK3);
  CHECK_THROWS_AS(parse_kl_estimator("k2"), UserError);
}

TEST_CASE("both estimators are unbiased: their expectation under the policy is the exact KL") {
  const auto p = torch::log_softmax(doubles({0.3, -1.0, 0.7, 2.0}), 0);
  const auto q = torch::log_softmax(doubles({1.0, 0.1, -0.4, 0.9}), 0);
  const double exact = (p.exp() * (p - q)).sum().item<double>();
  for (auto estimator : {KlEstimator::kK1, KlEstimator::kK3}) {
    CHECK((p.exp() * kl_per_token(p, q, estimator)).sum().item<double>() == Approx(exact).epsilon(1e-12));
  }
}
