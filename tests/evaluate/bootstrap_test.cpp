#include "evaluate/bootstrap.h"

#include <cmath>

#include "tests/support/catch.h"
#include "train/sample_order.h"

using namespace rlhf;

namespace {

double uniform(uint64_t stream, uint64_t i) {
  return static_cast<double>(keyed_random(77, stream, i) >> 11) * 0x1.0p-53;
}

}  // namespace

TEST_CASE("the value is the ratio of sums, inside an interval that the seed fixes") {
  const std::vector<Cluster> clusters{{1, 1}, {0, 3}, {2, 2}, {1, 4}};
  const Estimate found = bootstrap_ratio(clusters);
  CHECK(found.value == Approx(0.4));
  CHECK(found.low < found.value);
  CHECK(found.high > found.value);
  const Estimate again = bootstrap_ratio(clusters), other = bootstrap_ratio(clusters, 2000, 1);
  CHECK((again.low == found.low && again.high == found.high));
  CHECK(std::abs(other.low - found.low) < 0.15);
}

TEST_CASE("clusters that agree leave no doubt, and one cluster cannot show any") {
  const Estimate equal = bootstrap_ratio({{1, 2}, {2, 4}, {3, 6}});
  CHECK((equal.low == 0.5 && equal.high == 0.5));
  const Estimate one = bootstrap_ratio({{3, 4}});
  CHECK((one.value == 0.75 && one.low == 0.75 && one.high == 0.75));
}

TEST_CASE("for coin flips the interval is that of the binomial distribution") {
  std::vector<Cluster> flips;
  for (uint64_t i = 0; i < 400; ++i) flips.push_back({i < 260 ? 1.0 : 0.0, 1.0});
  const Estimate found = bootstrap_ratio(flips);
  const double half = 1.96 * std::sqrt(0.65 * 0.35 / 400);
  CHECK(found.low == Approx(0.65 - half).margin(0.006));
  CHECK(found.high == Approx(0.65 + half).margin(0.006));
}

TEST_CASE("records of one prompt are drawn together, so that they do not count as so many") {
  std::vector<Cluster> together, apart;
  for (int i = 0; i < 40; ++i) {
    const double right = i % 2 ? 10.0 : 0.0;
    together.push_back({right, 10});
    for (int j = 0; j < 10; ++j) apart.push_back({right / 10, 1});
  }
  const Estimate wide = bootstrap_ratio(together), narrow = bootstrap_ratio(apart);
  CHECK(wide.value == narrow.value);
  CHECK((wide.high - wide.low) / (narrow.high - narrow.low) == Approx(std::sqrt(10.0)).epsilon(0.1));
}

TEST_CASE("the interval holds the true rate about 95 times in 100") {
  int held = 0;
  for (uint64_t trial = 0; trial < 300; ++trial) {
    std::vector<Cluster> clusters;
    for (uint64_t i = 0; i < 120; ++i) clusters.push_back({uniform(trial, i) < 0.7 ? 1.0 : 0.0, 1.0});
    const Estimate found = bootstrap_ratio(clusters, 400, trial);
    held += found.low <= 0.7 && 0.7 <= found.high;
  }
  CHECK(held > 0.91 * 300);
  CHECK(held < 0.99 * 300);
}
