#include "model/packed_matrix.h"

#include <torch/utils.h>

#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                      torch::ScalarType dtype) {
  const PackedMatrix packed(weight, dtype);
  torch::Tensor out = torch::full({x.size(0), weight.size(0)}, std::nan(""));
  PackedProduct multiply;
  multiply(packed, ProductInput(x), bias.defined() ? bias.const_data_ptr<float>() : nullptr,
           out.mutable_data_ptr<float>());
  return out;
}

}  // namespace

TEST_CASE("a packed product is x weight^T + bias, whatever the sizes") {
  torch::manual_seed(1);
  for (const int64_t rows : {1, 2, 5, 12, 13, 29, 64}) {
    for (const auto& [inner, columns] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {7, 31}, {64, 32}, {33, 100}, {576, 960}}) {
      INFO(rows << " x " << inner << " x " << columns);
      const torch::Tensor x = torch::randn({rows, inner + 3}).narrow(1, 0, inner),
                          weight = torch::randn({columns, inner});
      const torch::Tensor bias = columns % 2 ? torch::Tensor() : torch::randn({columns});
      torch::Tensor expected = x.to(torch::kFloat64).mm(weight.to(torch::kFloat64).t());
      if (bias.defined()) expected += bias;
      // One running sum: what it loses grows with its length.
      const double scale = static_cast<double>(inner);
      CHECK(test::largest_gap(product(x, weight, bias, torch::kFloat32), expected) < 5e-7 * scale);

      const torch::Tensor rounded_x = x.to(torch::kBFloat16).to(torch::kFloat64),
                          rounded = weight.to(torch::kBFloat16).to(torch::kFloat64);
      torch::Tensor of_rounded = rounded_x.mm(rounded.t());
      if (bias.defined()) of_rounded += bias;
      CHECK(test::largest_gap(product(x, weight, bias, torch::kBFloat16), of_rounded) < 5e-7 * scale);
    }
  }
}

TEST_CASE("a row's product has the same bits alone, among others, and on any number of threads") {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({40, 96}), weight = torch::randn({200, 96}),
                      bias = torch::randn({200});
  const int threads = torch::get_num_threads();
  for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
    torch::set_num_threads(1);
    const torch::Tensor together = product(x, weight, bias, dtype);
    for (const int count : {1, 2, 3}) {
      torch::set_num_threads(count);
      CHECK(torch::equal(product(x, weight, bias, dtype), together));
      for (const int64_t row : {0, 17, 39})
        CHECK(torch::equal(product(x.narrow(0, row, 1), weight, bias, dtype), together.narrow(0, row, 1)));
      CHECK(torch::equal(product(x.narrow(0, 3, 14), weight, bias, dtype), together.narrow(0, 3, 14)));
    }
  }
  torch::set_num_threads(threads);
}

TEST_CASE("a matrix that is referred to gives the bits of its copy, and is read anew every time") {
  torch::manual_seed(3);
  for (const int64_t columns : {32, 96, 100, 1024}) {
    const torch::Tensor x = torch::randn({29, 4100}), weight = torch::randn({4100, columns}),
                        before = torch::ones({29, columns});
    PackedMatrix matrix;
    matrix.refer_to(weight.t(), torch::kFloat32);
    const auto added = [&](const PackedMatrix& to) {
      torch::Tensor sum = before.clone();
      PackedProduct().add_to(to, ProductInput(x), sum.mutable_data_ptr<float>());
      return sum;
    };
    CHECK(torch::equal(added(matrix), added(PackedMatrix(weight.t(), torch::kFloat32))));
    const torch::Tensor old = added(matrix);
    weight.mul_(2);
    const bool copied = torch::equal(added(matrix), old);
    CHECK(copied == (columns == 100 || columns == 1024));
    matrix.assign(weight.t(), torch::kFloat32);
    weight.zero_();
    CHECK_FALSE(torch::equal(added(matrix), before));
  }
}

TEST_CASE("matrices of other types are not packed") {
  CHECK_THROWS_AS(PackedMatrix(torch::ones({2, 2}), torch::kFloat64), std::invalid_argument);
}

}  // namespace rlhf
