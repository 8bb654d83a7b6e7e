#include "model/linear.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include "model/packed_matrix.h"
#include "tests/model/fixtures.h"

namespace rlhf {

TEST_CASE("a packed product takes either side as it lies or transposed") {
  torch::manual_seed(1);
  for (const auto& [rows, columns, inner] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
           {1, 1, 1}, {3, 40, 5}, {37, 70, 33}, {64, 96, 130}, {25, 33, 4099}}) {
    INFO(rows << " x " << columns << " x " << inner);
    const torch::Tensor a = torch::randn({rows, inner}), b = torch::randn({columns, inner});
    for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
      const torch::Tensor exact = a.to(dtype).to(torch::kFloat64).mm(b.to(dtype).to(torch::kFloat64).t());
      const torch::Tensor a_across = a.t().contiguous().t(), b_across = b.t().contiguous().t();
      const torch::Tensor plain = packed_product(a, b, dtype);
      CHECK(test::largest_gap(plain, exact) < 5e-7 * static_cast<double>(inner));
      CHECK(torch::equal(packed_product(a_across, b, dtype), plain));
      CHECK(torch::equal(packed_product(a, b_across, dtype), plain));
      if (dtype == torch::kFloat32) continue;
      CHECK(torch::equal(packed_product(a.to(dtype), b_across.to(dtype), dtype), plain));
      CHECK(torch::equal(packed_product(a_across.to(dtype), b.to(dtype), dtype), plain));
    }
  }
}

TEST_CASE("a product can be added to what is there") {
  torch::manual_seed(2);
  const torch::Tensor x = torch::randn({29, 50}), weight = torch::randn({45, 50});
  const torch::Tensor before = torch::randn({29, 45});
  torch::Tensor sum = before.clone();
  PackedProduct().add_to(PackedMatrix(weight, torch::kFloat32), ProductInput(x),
                         sum.mutable_data_ptr<float>());
  CHECK(test::largest_gap(sum, before.to(torch::kFloat64) +
                                   x.to(torch::kFloat64).mm(weight.to(torch::kFloat64).t())) < 2e-5);
}

TEST_CASE("what cannot be packed is refused") {
  const torch::Tensor x = torch::ones({4, 6});
  CHECK_THROWS_AS(packed_product(x, torch::ones({4, 5}), torch::kFloat32), std::invalid_argument);
  CHECK_THROWS_AS(packed_product(x.slice(1, 0, 6, 2), torch::ones({4, 3}), torch::kFloat32),
                  std::invalid_argument);
  CHECK_THROWS_AS(packed_product(x.to(torch::kFloat64), x, torch::kFloat32), std::invalid_argument);
}

TEST_CASE("linear's result and gradients in bfloat16 are those of rounded factors") {
  torch::manual_seed(3);
  const auto leaf = [](const torch::Tensor& x) { return x.detach().clone().set_requires_grad(true); };
  const torch::Tensor x = leaf(torch::randn({21, 34})), weight = leaf(torch::randn({40, 34})),
                      bias = leaf(torch::randn({40}));
  const torch::Tensor out = linear(x, weight, bias, torch::kBFloat16), slope = torch::randn({21, 40});
  REQUIRE(out.scalar_type() == torch::kFloat32);
  (out * slope).sum().backward();

  const auto exact = [](const torch::Tensor& t) {
    return t.detach().to(torch::kBFloat16).to(torch::kFloat64);
  };
  const auto relative = [](const torch::Tensor& a, const torch::Tensor& b) {
    return ((a.to(torch::kFloat64) - b).norm() / b.norm()).item<double>();
  };
  // LibTorch rounds the product to bfloat16, ours does not.
  const double rounding = packed_products_pay(torch::kBFloat16) ? 1e-6 : 4e-3;
  CHECK(relative(out.detach(), exact(x).mm(exact(weight).t()) + bias.detach().to(torch::kFloat64)) <
        rounding);
  CHECK(relative(x.grad(), exact(slope).mm(exact(weight))) < rounding);
  CHECK(relative(weight.grad(), exact(slope).t().mm(exact(x))) < rounding);
  CHECK(relative(bias.grad(), slope.to(torch::kFloat64).sum(0)) < 1e-6);
}

}  // namespace rlhf
