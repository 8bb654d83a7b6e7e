// Gradients against finite differences in float64, a part at a time and through every family.
#include <functional>

#include <torch/utils.h>

#include "model/attention.h"
#include "model/layer_parts.h"
#include "model/rope.h"
#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

/// Checks the derivative of `loss` along random directions, all inputs at once: an error in any one shows.
void check_gradient(const std::vector<torch::Tensor>& inputs, const std::function<torch::Tensor()>& loss) {
  constexpr double kStep = 1e-6;
  for (const torch::Tensor& input : inputs) input.mutable_grad() = torch::Tensor();
  loss().backward();
  const torch::NoGradGuard no_grad;
  for (int direction = 0; direction < 2; ++direction) {
    std::vector<torch::Tensor> steps;
    double analytic = 0;
    for (const torch::Tensor& input : inputs) {
      REQUIRE(input.grad().defined());
      steps.push_back(torch::randn_like(input));
      analytic += (input.grad() * steps.back()).sum().item<double>();
    }
    const auto loss_at = [&](double shift) {
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].add_(steps[i], shift);
      const double value = loss().item<double>();
      for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i].sub_(steps[i], shift);
      return value;
    };
    const double numeric = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    CHECK(analytic == Approx(numeric).epsilon(1e-6).margin(1e-6));
  }
}

torch::Tensor random(const std::vector<int64_t>& shape) {
  return torch::randn(shape, torch::kFloat64).set_requires_grad(true);
}

torch::Tensor weighted(const torch::Tensor& x) {
  return (x * torch::arange(1, x.numel() + 1, torch::kFloat64).view(x.sizes()).cos()).sum();
}

}  // namespace

TEST_CASE("the gradient of packed attention is exact, with padding and with grouped heads") {
  torch::manual_seed(1);
  for (const std::vector<int64_t>& offsets : {std::vector<int64_t>{0, 5, 10}, {0, 2, 9, 10, 14}}) {
    const PackedLayout layout(offsets, torch::kCPU);
    const torch::Tensor q = random({offsets.back(), 4, 6}), k = random({offsets.back(), 2, 6}),
                        v = random({offsets.back(), 2, 6});
    check_gradient({q, k, v}, [&] { return weighted(packed_attention(q, k, v, layout, 0.4)); });
  }
}

TEST_CASE("the gradient of a rotation is exact") {
  torch::manual_seed(2);
  const torch::Tensor x = random({5, 3, 8});
  Rope rope;
  rope.rotary_dim = 4;
  const RopeAngles angles = rope_angles(torch::arange(5) + 3, rope_frequencies(rope));
  check_gradient({x}, [&] { return weighted(apply_rope(x, angles)); });
}

TEST_CASE("the gradients of norms are exact") {
  torch::manual_seed(3);
  const torch::Tensor x = random({7, 12}), weight = random({12}), bias = random({12});
  check_gradient({x, weight}, [&] { return weighted(normalise(x, weight, {}, Norm::kRmsNorm, 1e-5)); });
  check_gradient({x, weight, bias},
                 [&] { return weighted(normalise(x, weight, bias, Norm::kLayerNorm, 1e-5)); });
}

TEST_CASE("the gradients of log-probabilities and entropy are exact, chunked or not") {
  torch::manual_seed(4);
  const torch::Tensor hidden = random({11, 5}), weight = random({9, 5});
  const torch::Tensor targets = torch::arange(11) % 9;
  const int64_t one_chunk = 1 << 20, three_rows = 27;
  for (const LogprobCompute compute : {LogprobCompute{torch::kFloat64, one_chunk, one_chunk},
                                       LogprobCompute{torch::kFloat64, three_rows, one_chunk},
                                       LogprobCompute{torch::kFloat64, three_rows, 0}}) {
    for (const double temperature : {1.0, 0.7}) {
      check_gradient({hidden, weight}, [&] {
        return weighted(token_logprobs(hidden, weight, targets, {temperature, false}, compute).logprobs);
      });
      check_gradient({hidden, weight}, [&] {
        const TokenLogprobs tokens = token_logprobs(hidden, weight, targets, {temperature, true}, compute);
        return weighted(tokens.logprobs) + 0.3 * weighted(tokens.entropy.flip(0));
      });
      check_gradient({hidden, weight}, [&] {
        return weighted(token_logprobs(hidden, weight, targets, {temperature, true}, compute).entropy);
      });
    }
  }
}

TEST_CASE("the gradient of a sum of log-probabilities is exact, and its tokens are those of token_logprobs") {
  torch::manual_seed(7);
  const torch::Tensor hidden = random({11, 5}), weight = random({9, 5});
  const torch::Tensor targets = torch::arange(11) % 9;
  for (const int64_t chunk : {1 << 20, 27}) {
    const LogprobCompute compute{torch::kFloat64, chunk, 0};
    check_gradient({hidden, weight},
                   [&] { return sum_of_logprobs(hidden, weight, targets, compute).sum * 0.7; });
    const SumOfLogprobs found = sum_of_logprobs(hidden, weight, targets, compute);
    const TokenLogprobs expected = token_logprobs(hidden, weight, targets, {1.0, true}, compute);
    CHECK(torch::equal(found.tokens.logprobs, expected.logprobs));
    CHECK(torch::equal(found.tokens.entropy, expected.entropy));
    CHECK(torch::equal(found.tokens.correct, expected.correct));
    CHECK(found.sum.item<double>() == Approx(expected.logprobs.sum().item<double>()).epsilon(1e-13));
  }
}

TEST_CASE("every weight of every family gets its exact gradient through the whole model") {
  torch::manual_seed(5);
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({3, 11, 3, 7}));
  Dropout dropout;
  dropout.hidden = 0.1;
  dropout.embedding = 0.1;
  dropout.token = 0.05;
  dropout.sequence_keys = {1, 2, 3, 4};
  for (const std::string& name : test::model_fixtures(false)) {
    INFO(name);
    LanguageModel model = test::tiny_model(name, torch::kFloat64);
    model.require_grad(true);
    std::vector<torch::Tensor> weights;
    for (const NamedTensor& parameter : model.parameters()) weights.push_back(parameter.tensor);
    check_gradient(weights, [&] {
      const torch::Tensor hidden = model.decoder().forward(batch, dropout);
      return weighted(model.token_logprobs(hidden, batch.token_ids.roll(-1)).logprobs) / 10;
    });
  }
}

TEST_CASE("a value head gets its exact gradient, the decoder under it too") {
  torch::manual_seed(6);
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({5, 8}));
  ScalarModel model = ScalarModel::with_fresh_head(test::tiny_model("qwen3", torch::kFloat64).decoder(), 3);
  model.require_grad(true);
  check_gradient({model.score_weight(), model.decoder().layers()[0].qkv_weight},
                 [&] { return weighted(model.values(model.decoder().forward(batch))); });
}

}  // namespace rlhf
