#include "model/causal_attention.h"

#include <torch/autograd.h>
#include <torch/utils.h>

#include "model/attention.h"
#include "model/packed_kernels.h"
#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

struct Case {
  std::vector<int64_t> offsets;
  int64_t heads, kv_heads, head_dim;
};

const std::vector<Case> kCases = {
    {{0, 1}, 1, 1, 8},
    {{0, 5, 17, 18}, 4, 2, 16},
    {{0, 130, 133, 230, 243}, 6, 2, 64},
    {{0, 97, 194}, 3, 1, 40},
};

/// Attention and its gradients, with the weights of the outputs in the loss drawn from a fixed seed.
struct Attended {
  torch::Tensor out, dq, dk, dv;
};

Attended attend(const Case& c, torch::ScalarType dtype, const std::vector<torch::Tensor>& inputs) {
  const PackedLayout layout(c.offsets, torch::kCPU);
  std::vector<torch::Tensor> leaves;
  for (const torch::Tensor& input : inputs)
    leaves.push_back(input.to(dtype).detach().set_requires_grad(true));
  const torch::Tensor out = packed_attention(leaves[0], leaves[1], leaves[2], layout, 0.3);
  const torch::Tensor weights = torch::arange(out.numel(), torch::kFloat64).mul(0.7).sin().view(out.sizes());
  (out.to(torch::kFloat64) * weights).sum().backward();
  return {out.detach(), leaves[0].grad(), leaves[1].grad(), leaves[2].grad()};
}

/// Rounded to bfloat16, so that every dtype begins with the same numbers; rows lie apart, as a fused
/// projection's.
std::vector<torch::Tensor> inputs_of(const Case& c) {
  torch::manual_seed(3);
  const auto rows = c.offsets.back();
  const torch::Tensor all =
      torch::randn({rows, c.heads + 2 * c.kv_heads, c.head_dim}).to(torch::kBFloat16).to(torch::kFloat32);
  const auto parts = all.split_with_sizes({c.heads, c.kv_heads, c.kv_heads}, 1);
  return {parts[0], parts[1], parts[2]};
}

void check(const Attended& found, const Attended& expected, double tolerance) {
  CHECK(test::largest_gap(found.out, expected.out) < tolerance);
  CHECK(test::largest_gap(found.dq, expected.dq) < tolerance);
  CHECK(test::largest_gap(found.dk, expected.dk) < tolerance);
  CHECK(test::largest_gap(found.dv, expected.dv) < tolerance);
}

}  // namespace

TEST_CASE("causal attention and its gradients are torch's in float64, to float32's rounding") {
  for (const Case& c : kCases) {
    INFO(c.offsets.back() << " rows, " << c.heads << " heads of " << c.head_dim);
    const auto inputs = inputs_of(c);
    check(attend(c, torch::kFloat32, inputs), attend(c, torch::kFloat64, inputs), 2e-5);
  }
}

TEST_CASE("causal attention in bfloat16 differs from exact sums by bfloat16's rounding") {
  for (const Case& c : kCases) {
    INFO(c.offsets.back() << " rows, " << c.heads << " heads of " << c.head_dim);
    const auto inputs = inputs_of(c);
    const Attended exact = attend(c, torch::kFloat64, inputs), found = attend(c, torch::kBFloat16, inputs);
    const auto relative = [](const torch::Tensor& a, const torch::Tensor& b) {
      return ((a.to(torch::kFloat64) - b).norm() / b.norm()).item<double>();
    };
    CHECK(relative(found.out, exact.out) < 4e-3);
    if (c.offsets.back() == 1) continue;  // its scores have no gradient
    CHECK(relative(found.dq, exact.dq) < 8e-3);
    CHECK(relative(found.dk, exact.dk) < 8e-3);
    CHECK(relative(found.dv, exact.dv) < 8e-3);
  }
}

TEST_CASE("attention has the same bits alone, among others, and on any number of threads") {
  if (!cpu::has_bfloat16_vectors()) {
    WARN("skipped: LibTorch attends on this machine, and promises no bits");
    return;
  }
  const Case both = kCases[2];
  const auto inputs = inputs_of(both);
  const int threads = torch::get_num_threads();
  for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
    torch::set_num_threads(1);
    const Attended together = attend(both, dtype, inputs);
    torch::set_num_threads(3);
    const Attended shared = attend(both, dtype, inputs);
    CHECK(torch::equal(shared.out, together.out));
    CHECK(torch::equal(shared.dk, together.dk));
    const int64_t begin = both.offsets[2], length = both.offsets[3] - begin;
    Case alone = both;
    alone.offsets = {0, length};
    std::vector<torch::Tensor> rows;
    for (const torch::Tensor& input : inputs) rows.push_back(input.narrow(0, begin, length));
    CHECK(torch::equal(attend(alone, dtype, rows).out, together.out.narrow(0, begin, length)));
  }
  torch::set_num_threads(threads);
}

}  // namespace rlhf
