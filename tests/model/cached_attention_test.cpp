#include "model/cached_attention.h"

#include <vector>

#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

template <typename Stored>
torch::Tensor attended(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& values,
                       float scale) {
  const int64_t group = queries.size(0), head_dim = queries.size(1), length = keys.size(0);
  torch::Tensor out = torch::full({group, head_dim}, std::nan(""));
  std::vector<float> scores(static_cast<size_t>(group * length));
  const auto* k = static_cast<const Stored*>(keys.const_data_ptr());
  const auto* v = static_cast<const Stored*>(values.const_data_ptr());
  cpu::cached_attention(cpu::CachedAttention<Stored>{k, v, k, v, queries.const_data_ptr<float>(),
                                                     out.mutable_data_ptr<float>(), scores.data(), length,
                                                     head_dim, group, scale});
  return out;
}

torch::Tensor expected(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& values,
                       double scale) {
  const auto exact = [](const torch::Tensor& x) { return x.to(torch::kFloat64); };
  return (scale * exact(queries).mm(exact(keys).t())).softmax(-1).mm(exact(values));
}

}  // namespace

TEST_CASE("attention over a cache is softmax(scale q k) v for any head size, group and length") {
  torch::manual_seed(3);
  for (const int64_t head_dim : {1, 8, 32, 33, 64, 80, 128}) {
    for (const int64_t group : {1, 2, 3, 4, 7}) {
      for (const int64_t length : {1, 5, 48}) {
        INFO(group << " heads of " << head_dim << " over " << length);
        const torch::Tensor queries = torch::randn({group, head_dim}),
                            keys = torch::randn({length, head_dim}),
                            values = torch::randn({length, head_dim});
        CHECK(test::largest_gap(attended<float>(queries, keys, values, 0.125f),
                                expected(queries, keys, values, 0.125)) < 2e-6);
        const torch::Tensor k = keys.to(torch::kBFloat16), v = values.to(torch::kBFloat16);
        CHECK(test::largest_gap(attended<cpu::Bfloat16>(queries, k, v, 0.125f),
                                expected(queries, k, v, 0.125)) < 2e-6);
      }
    }
  }
}

}  // namespace rlhf
