#include <torch/autograd.h>
#include <torch/utils.h>

#include "model/attention.h"
#include "model/attention_block.h"
#include "model/gated_mlp.h"
#include "model/layer_parts.h"
#include "model/linear.h"
#include "model/packed_matrix.h"
#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

constexpr int64_t kHidden = 40, kInner = 70, kHeads = 4, kKeyHeads = 2, kHeadDim = 10, kRotated = 8;
constexpr double kEps = 1e-5, kScale = 0.3;
const std::vector<int64_t> kOffsets = {0, 1, 38, 160, 601};

std::vector<torch::Tensor> draw_mlp() {
  return {torch::randn({kOffsets.back(), kHidden}), torch::rand({kHidden}) + 0.5,
          torch::randn({2 * kInner, kHidden}) * 0.3, torch::randn({kHidden, kInner}) * 0.2};
}

torch::Tensor mlp_in_parts(const std::vector<torch::Tensor>& w, torch::ScalarType compute) {
  const torch::Tensor inner =
      swiglu(linear(normalise(w[0], w[1], {}, Norm::kRmsNorm, kEps), w[2], {}, compute));
  return w[0] + linear(inner, w[3], {}, compute);
}

torch::Tensor mlp_at_once(const std::vector<torch::Tensor>& w, torch::ScalarType compute) {
  return gated_mlp(w[0], w[1], w[2], w[3], kEps, compute);
}

std::vector<torch::Tensor> draw_attention() {
  constexpr int64_t kRow = (kHeads + 2 * kKeyHeads) * kHeadDim;
  return {torch::randn({kOffsets.back(), kHidden}), torch::rand({kHidden}) + 0.5,
          torch::randn({kRow, kHidden}) * 0.3, torch::randn({kRow}) * 0.2,
          torch::randn({kHidden, kHeads * kHeadDim}) * 0.2};
}

RopeAngles angles() {
  std::vector<int64_t> positions;
  for (size_t s = 0; s + 1 < kOffsets.size(); ++s)
    for (int64_t t = 0; t < kOffsets[s + 1] - kOffsets[s]; ++t) positions.push_back(t);
  return rope_angles(torch::tensor(positions), torch::rand({kRotated / 2}));
}

torch::Tensor attention_in_parts(const std::vector<torch::Tensor>& w, const RopeAngles& angles,
                                 torch::ScalarType compute) {
  const torch::Tensor qkv = linear(normalise(w[0], w[1], {}, Norm::kRmsNorm, kEps), w[2], w[3], compute)
                                .view({-1, kHeads + 2 * kKeyHeads, kHeadDim});
  const auto parts = qkv.split_with_sizes({kHeads + kKeyHeads, kKeyHeads}, 1);
  const auto turned = apply_rope(parts[0], angles).to(compute).split_with_sizes({kHeads, kKeyHeads}, 1);
  const torch::Tensor out = packed_attention(turned[0], turned[1], parts[1].to(compute),
                                             PackedLayout(kOffsets, torch::kCPU), kScale);
  return w[0] + linear(out.reshape({-1, kHeads * kHeadDim}), w[4], {}, compute);
}

torch::Tensor attention_at_once(const std::vector<torch::Tensor>& w, const RopeAngles& angles,
                                torch::ScalarType compute) {
  return attention_block(w[0], {w[1], w[2], w[3], w[4], kHeads, kKeyHeads, kHeadDim, kEps, kScale, compute},
                         angles, kOffsets, {});
}

using Block = std::function<torch::Tensor(const std::vector<torch::Tensor>&)>;

/// The output, then the gradient of every input.
std::vector<torch::Tensor> results(const Block& block, const std::vector<torch::Tensor>& inputs,
                                   const torch::Tensor& slope) {
  std::vector<torch::Tensor> leaves;
  for (const torch::Tensor& input : inputs)
    leaves.push_back(input.defined() ? input.clone().set_requires_grad(true) : input);
  std::vector<torch::Tensor> all = {block(leaves)};
  (all[0] * slope).sum().backward();
  for (const torch::Tensor& leaf : leaves)
    if (leaf.defined()) all.push_back(leaf.grad());
  return all;
}

// Gates are rounded to bfloat16 for the way back: 2^-9 of their size, and what follows from it.
double tolerance(torch::ScalarType compute) {
  return compute == torch::kFloat32 ? 2e-6 : 4e-3;
}

/// Against the parts: the same bits forward where the parts use our kernels too, gradients equal to a share
/// of their size.
void compare(const Block& at_once, const Block& in_parts, const std::vector<torch::Tensor>& inputs,
             torch::ScalarType compute) {
  const torch::Tensor slope = torch::randn({kOffsets.back(), kHidden});
  const auto ours = results(at_once, inputs, slope), wanted = results(in_parts, inputs, slope);
  {
    const torch::NoGradGuard no_grad;
    CHECK(torch::equal(at_once(inputs), ours[0]));
  }
  if (packed_products_pay(compute) && causal_attention_pays(compute)) CHECK(torch::equal(ours[0], wanted[0]));
  for (size_t i = 0; i < ours.size(); ++i) {
    INFO((i == 0 ? "output" : "gradient " + std::to_string(i - 1)));
    CHECK((ours[i] - wanted[i]).norm().item<double>() < tolerance(compute) * wanted[i].norm().item<double>());
  }
}

}  // namespace

TEST_CASE("a gated MLP at once is that of its parts") {
  torch::manual_seed(7);
  for (const torch::ScalarType compute : {torch::kFloat32, torch::kBFloat16}) {
    INFO(torch::toString(compute));
    compare([&](const auto& w) { return mlp_at_once(w, compute); },
            [&](const auto& w) { return mlp_in_parts(w, compute); }, draw_mlp(), compute);
  }
}

TEST_CASE("an attention block at once is that of its parts") {
  torch::manual_seed(8);
  const RopeAngles turns = angles();
  for (const torch::ScalarType compute : {torch::kFloat32, torch::kBFloat16}) {
    INFO(torch::toString(compute));
    std::vector<torch::Tensor> inputs = draw_attention();
    for (const bool biased : {true, false}) {
      INFO("bias: " << biased);
      if (!biased) inputs[3] = torch::Tensor();
      compare([&](const auto& w) { return attention_at_once(w, turns, compute); },
              [&](const auto& w) { return attention_in_parts(w, turns, compute); }, inputs, compute);
    }
  }
}

TEST_CASE("an attention block shows keys and values as they are cached") {
  torch::manual_seed(9);
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> w = draw_attention();
  const RopeAngles turns = angles();
  torch::Tensor keys, values;
  attention_block(w[0], {w[1], w[2], w[3], w[4], kHeads, kKeyHeads, kHeadDim, kEps, kScale, torch::kFloat32},
                  turns, kOffsets, [&](const torch::Tensor& k, const torch::Tensor& v) {
                    keys = k;
                    values = v;
                  });
  const torch::Tensor qkv =
      linear(normalise(w[0], w[1], {}, Norm::kRmsNorm, kEps), w[2], w[3], torch::kFloat32)
          .view({-1, kHeads + 2 * kKeyHeads, kHeadDim});
  CHECK(test::largest_gap(keys, apply_rope(qkv.narrow(1, kHeads, kKeyHeads), turns)) < 1e-5);
  CHECK(test::largest_gap(values, qkv.narrow(1, kHeads + kKeyHeads, kKeyHeads)) < 1e-5);
}

}  // namespace rlhf
