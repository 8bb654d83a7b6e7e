#include "label_quality/krippendorff_alpha.h"

#include <cmath>
#include <map>
#include <random>

#include "label_quality/percent_agreement.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

/// Krippendorff 2011, section C: four observers, twelve units, missing values.
Units published() {
  const std::vector<std::vector<double>> units = {{1, 1, 1},    {2, 2, 3, 2}, {3, 3, 3, 3}, {3, 3, 3, 3},
                                                  {2, 2, 2, 2}, {1, 2, 3, 4}, {4, 4, 4, 4}, {1, 1, 2, 1},
                                                  {2, 2, 2, 2}, {5, 5, 5},    {1, 1},       {3}};
  Units data;
  for (const auto& unit : units) data.add(unit);
  return data;
}

/// The paper's own way: the matrix of coincidences, and a metric between values.
double by_coincidences(const Units& units, Level level) {
  std::map<double, std::map<double, double>> coincidences;
  std::map<double, double> totals;
  double all = 0;
  for (std::size_t u = 0; u < units.count(); ++u) {
    const auto unit = units.unit(u);
    for (std::size_t i = 0; i < unit.size(); ++i) {
      for (std::size_t j = 0; j < unit.size(); ++j)
        if (i != j) coincidences[unit[i]][unit[j]] += 1 / static_cast<double>(unit.size() - 1);
      totals[unit[i]] += 1;
      all += 1;
    }
  }
  const auto metric = [&](double c, double k) {
    if (level == Level::kNominal) return c == k ? 0.0 : 1.0;
    if (level == Level::kInterval) return (c - k) * (c - k);
    double between = -(totals[c] + totals[k]) / 2;
    for (const auto& [value, count] : totals)
      if (value >= std::min(c, k) && value <= std::max(c, k)) between += count;
    return c == k ? 0.0 : between * between;
  };
  double observed = 0, expected = 0;
  for (const auto& [c, count_c] : totals) {
    for (const auto& [k, count_k] : totals) {
      observed += coincidences[c][k] * metric(c, k);
      expected += count_c * count_k * metric(c, k) / (all - 1);
    }
  }
  return 1 - observed / expected;
}

Units drawn(unsigned seed) {
  std::mt19937 rng(seed);
  Units data;
  for (int u = 0; u < 30; ++u) {
    std::vector<double> unit;
    const double middle = static_cast<double>(rng() % 7);
    for (unsigned i = 0; i < rng() % 6; ++i) unit.push_back(middle + static_cast<double>(rng() % 4) / 2);
    data.add(unit);
  }
  return data;
}

}  // namespace

TEST_CASE("alpha of Krippendorff's own example with missing data") {
  const Units data = published();
  CHECK(data.count() == 11);  // the unit with one value is not pairable
  CHECK(data.values().size() == 40);
  CHECK(std::abs(krippendorff_alpha(data, Level::kNominal).value() - 0.743) < 0.0005);
  CHECK(std::abs(krippendorff_alpha(data, Level::kOrdinal).value() - 0.815) < 0.0005);
  CHECK(std::abs(krippendorff_alpha(data, Level::kInterval).value() - 0.849) < 0.0005);
}

TEST_CASE("alpha without the matrix of coincidences is alpha with it") {
  for (unsigned seed = 0; seed < 5; ++seed) {
    const Units data = drawn(seed);
    for (const Level level : {Level::kNominal, Level::kOrdinal, Level::kInterval})
      CHECK(krippendorff_alpha(data, level).value() == Approx(by_coincidences(data, level)).epsilon(1e-12));
  }
}

TEST_CASE("alpha is not shaken by values far from zero") {
  const Units data = published();
  std::vector<double> far = data.values();
  for (double& value : far) value = value * 0.001 + 1e6;
  CHECK(krippendorff_alpha(data.with_values(far), Level::kInterval).value() ==
        Approx(krippendorff_alpha(data, Level::kInterval).value()).epsilon(1e-6));
}

TEST_CASE("alpha of nothing, and of one value alone, is not a number to give") {
  Units data;
  CHECK_FALSE(krippendorff_alpha(data, Level::kNominal));
  CHECK_FALSE(percent_agreement(data));
  data.add(std::vector<double>{1});
  CHECK(data.count() == 0);
  data.add(std::vector<double>{2, 2, 2});
  CHECK_FALSE(krippendorff_alpha(data, Level::kNominal));
  CHECK_FALSE(krippendorff_alpha(data, Level::kOrdinal));
  CHECK_FALSE(krippendorff_alpha(data, Level::kInterval));
  CHECK(percent_agreement(data) == 1.0);
}

TEST_CASE("percent agreement counts pairs of people") {
  Units data;
  data.add(std::vector<double>{1, 1, 2});     // 1 of 3 pairs
  data.add(std::vector<double>{4, 4, 4, 4});  // 6 of 6
  data.add(std::vector<double>{1, 3});        // 0 of 1
  CHECK(percent_agreement(data).value() == Approx(7.0 / 10));
}

}  // namespace rlhf
