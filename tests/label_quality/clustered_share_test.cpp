#include "label_quality/clustered_share.h"

#include <cmath>

#include "tests/support/catch.h"

namespace rlhf {

namespace {

ClusteredShare singles(int hits, int of) {
  ClusteredShare share;
  for (int i = 0; i < of; ++i) share.add(i < hits ? 1 : 0, 1);
  return share;
}

void check(const Share& share, double low, double high) {
  CHECK(std::abs(share.low - low) < 0.00005);
  CHECK(std::abs(share.high - high) < 0.00005);
}

}  // namespace

TEST_CASE("clusters of one give Wilson's interval, as Newcombe (1998, table I) has it") {
  check(singles(81, 263).share(), 0.2553, 0.3662);
  check(singles(15, 148).share(), 0.0624, 0.1605);
  check(singles(0, 20).share(), 0.0, 0.1611);
  check(singles(1, 29).share(), 0.0061, 0.1718);
}

TEST_CASE("things that come together count as one") {
  ClusteredShare whole;  // each cluster is of one mind: six pairs say no more than one
  for (int i = 0; i < 263; ++i) whole.add(i < 81 ? 6 : 0, 6);
  check(whole.share(), 0.2553, 0.3662);
  ClusteredShare right;  // and so do clusters that are all right
  for (int i = 0; i < 20; ++i) right.add(6, 6);
  check(right.share(), 1 - 0.1611, 1.0);
}

TEST_CASE("things that only happen to be together count as themselves") {
  ClusteredShare mixed;
  for (int i = 0; i < 50; ++i) mixed.add(2, 4);
  CHECK(mixed.share().low == Approx(singles(100, 200).share().low));
}

TEST_CASE("nothing is no share") {
  ClusteredShare empty;
  empty.add(0, 0);
  CHECK(empty.of() == 0);
  CHECK(empty.share().high == 0);
}

}  // namespace rlhf
