#include "train/segments.h"

#include <stdexcept>

#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("segments know their borders, lengths and last rows") {
  const auto segments = Segments::of_lengths({3, 1, 4});
  CHECK(segments.count() == 3);
  CHECK(segments.total() == 8);
  CHECK(segments.longest() == 4);
  CHECK(segments.offsets() == std::vector<int64_t>{0, 3, 4, 8});
  CHECK(segments.lengths() == std::vector<int64_t>{3, 1, 4});
  CHECK(torch::equal(segments.last_rows(), torch::tensor({2, 3, 7}, torch::kInt64)));
}

TEST_CASE("chosen segments are taken out in the order chosen") {
  const auto segments = Segments::of_lengths({3, 1, 4});
  CHECK(torch::equal(segments.rows({2, 0}), torch::tensor({4, 5, 6, 7, 0, 1, 2}, torch::kInt64)));
  CHECK(segments.select({2, 0}) == Segments::of_lengths({4, 3}));
}

TEST_CASE("sums and means are per segment and keep the gradient") {
  const auto segments = Segments::of_lengths({3, 1, 4});
  auto packed = torch::arange(1, 9, torch::kFloat64).requires_grad_();
  CHECK(torch::allclose(segments.sums(packed), torch::tensor({6.0, 4.0, 26.0}, torch::kFloat64)));
  const auto means = segments.means(packed);
  CHECK(torch::allclose(means, torch::tensor({2.0, 4.0, 6.5}, torch::kFloat64)));
  means.sum().backward();
  CHECK(packed.grad()[7].item<double>() == Approx(0.25));
  CHECK_THROWS(segments.sums(torch::zeros({7})));
}

TEST_CASE("an empty segment is refused") {
  CHECK_THROWS_AS(Segments::of_lengths({2, 0}), std::invalid_argument);
}
