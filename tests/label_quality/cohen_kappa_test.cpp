#include "label_quality/cohen_kappa.h"

#include <cmath>

#include "tests/support/catch.h"

namespace rlhf {

namespace {

/// Cohen 1968, table 1: two judges sort 200 cases into three diagnoses (shares).
const ContingencyTable kDiagnoses = {{0.44, 0.07, 0.09}, {0.05, 0.20, 0.05}, {0.01, 0.03, 0.06}};

}  // namespace

TEST_CASE("kappa of Cohen's own example") {
  CHECK(std::abs(cohen_kappa(kDiagnoses).value() - 0.492) < 0.0005);
  ContingencyTable cases = kDiagnoses;
  for (auto& row : cases)
    for (double& share : row) share *= 200;
  CHECK(cohen_kappa(cases).value() == Approx(cohen_kappa(kDiagnoses).value()));
}

TEST_CASE("weighted kappa of the same table, by hand") {
  // Observed 0.20 + 2 * 0.10, expected 0.42 + 2 * 0.17.
  CHECK(cohen_kappa(kDiagnoses, KappaWeights::kLinear).value() == Approx(1 - 0.40 / 0.76));
}

TEST_CASE("kappa at its ends") {
  CHECK(cohen_kappa({{5, 0}, {0, 5}}).value() == Approx(1));
  CHECK(cohen_kappa({{0, 5}, {5, 0}}).value() == Approx(-1));
  CHECK(cohen_kappa({{4, 4}, {4, 4}}).value() == Approx(0));
  CHECK_FALSE(cohen_kappa({{9, 0}, {0, 0}}));  // both always say the same: chance cannot disagree
  CHECK_FALSE(cohen_kappa({{0, 0}, {0, 0}}));
}

}  // namespace rlhf
