#include "train/sample_order.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/support/catch.h"
#include "train/micro_batches.h"

using namespace rlhf;

namespace {

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<int64_t> first_numbers(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), int64_t{0});
  return numbers;
}

}  // namespace

TEST_CASE("every epoch is a permutation, and another one than the last") {
  for (const int64_t size : {1, 2, 7, 1000}) {
    SampleOrder order(42, size);
    for (int64_t epoch = 0; epoch < 4; ++epoch)
      CHECK(sorted(order.draw(epoch * size, size)) == first_numbers(size));
  }
  SampleOrder order(42, 1000);
  CHECK(order.draw(0, 1000) != order.draw(1000, 1000));
  CHECK(order.draw(0, 1000) != first_numbers(1000));
}

TEST_CASE("drawing in pieces, in any order, gives what drawing at once gives") {
  SampleOrder whole(3, 11);
  const std::vector<int64_t> at_once = whole.draw(0, 60);
  for (const int64_t piece : {1, 4, 11, 17}) {
    std::vector<int64_t> joined;
    SampleOrder order(3, 11);
    for (int64_t begin = 0; begin < 60; begin += piece) {
      const auto part = order.draw(begin, std::min(piece, 60 - begin));
      joined.insert(joined.end(), part.begin(), part.end());
    }
    CHECK(joined == at_once);
  }
  SampleOrder resumed(3, 11);
  CHECK(resumed.draw(37, 23) == std::vector<int64_t>(at_once.begin() + 37, at_once.end()));
  CHECK(resumed.draw(5, 3) == std::vector<int64_t>(at_once.begin() + 5, at_once.begin() + 8));
  CHECK(resumed.epoch_at(22) == Approx(2.0));
}

TEST_CASE("seeds differ, and the same seed is the same order") {
  std::set<std::vector<int64_t>> orders;
  for (uint64_t seed = 0; seed < 50; ++seed) orders.insert(epoch_order(seed, 0, 20));
  CHECK(orders.size() == 50);
  CHECK(epoch_order(9, 3, 20) == epoch_order(9, 3, 20));
}

TEST_CASE("every sample comes first about as often as any other") {
  constexpr int64_t kSize = 10, kEpochs = 5000;
  std::vector<double> first(kSize, 0), last(kSize, 0);
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const auto order = epoch_order(1, epoch, kSize);
    ++first[static_cast<size_t>(order.front())];
    ++last[static_cast<size_t>(order.back())];
  }
  for (const auto& counts : {first, last}) {
    double chi_square = 0;
    for (const double count : counts) chi_square += (count - 500) * (count - 500) / 500;
    CHECK(chi_square < 27.9);  // 9 degrees of freedom, p = 0.001
  }
}

TEST_CASE("the shares of the processes are a partition, cut into micro-batches") {
  for (const int64_t count : {0, 1, 7, 24}) {
    for (const int64_t world : {1, 2, 3, 5}) {
      int64_t next = 0;
      for (int64_t rank = 0; rank < world; ++rank) {
        const Share share = share_of(count, rank, world);
        CHECK(share.begin == next);
        CHECK(share.end - share.begin <= (count + world - 1) / world);
        next = share.end;
        int64_t inside = share.begin;
        for (const Share& part : micro_batches(share, 3)) {
          CHECK(part.begin == inside);
          CHECK((part.end > part.begin && part.end - part.begin <= 3));
          inside = part.end;
        }
        CHECK(inside == share.end);
      }
      CHECK(next == count);
    }
  }
}

TEST_CASE("the steps of a run are whole epochs unless their number is given") {
  CHECK(total_steps(-1, 3, 10, 4) == 9);
  CHECK(total_steps(-1, 0.5, 10, 4) == 2);
  CHECK(total_steps(-1, 1, 3, 8) == 1);
  CHECK(total_steps(5, 3, 10, 4) == 5);
}
