#include <cmath>

#include <torch/utils.h>

#include "contract/error.h"
#include "tests/model/fixtures.h"

namespace rlhf {

TEST_CASE("log-probabilities, entropy and correctness equal their definitions, chunked or not") {
  torch::manual_seed(1);
  const torch::Tensor hidden = torch::randn({37, 8}, torch::kFloat64),
                      weight = torch::randn({23, 8}, torch::kFloat64);
  const torch::Tensor targets = torch::arange(37) % 23;
  for (const double temperature : {1.0, 0.5}) {
    const torch::Tensor log_p = (hidden.matmul(weight.t()) / temperature).log_softmax(-1);
    for (const int64_t chunk_elements : {int64_t{1} << 20, int64_t{100}}) {
      const TokenLogprobs tokens = token_logprobs(hidden, weight, targets, {temperature, true},
                                                  {torch::kFloat64, chunk_elements, chunk_elements});
      CHECK(test::largest_gap(tokens.logprobs, log_p.gather(1, targets.unsqueeze(1)).squeeze(1)) < 1e-12);
      CHECK(test::largest_gap(tokens.entropy, -(log_p.exp() * log_p).sum(-1)) < 1e-12);
      CHECK(torch::equal(tokens.correct, log_p.argmax(-1) == targets));
    }
  }
  CHECK_FALSE(token_logprobs(hidden, weight, targets, {}, {torch::kFloat64}).entropy.defined());
  CHECK_THROWS_AS(token_logprobs(hidden, weight, targets, {0.0, false}, {}), std::invalid_argument);
}

TEST_CASE("the entropy of a distribution with impossible tokens is finite") {
  const torch::Tensor hidden = torch::tensor({{1000.0, 0.0}}),
                      weight = torch::tensor({{1.0, 0.0}, {-1.0, 0.0}, {0.0, 0.0}});
  const TokenLogprobs tokens =
      token_logprobs(hidden, weight, torch::tensor({0}, torch::kInt64), {1.0, true}, {});
  CHECK(std::abs(tokens.entropy.item<float>()) < 1e-30f);
  CHECK(tokens.logprobs.item<float>() == 0.0f);
}

TEST_CASE("the kernels of the CPU and torch's operators agree, in float and in bfloat16") {
  torch::manual_seed(3);
  const torch::Tensor targets = torch::arange(19) * 7 % 101;
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    const double tolerance = dtype == torch::kFloat32 ? 2e-6 : 2e-2;
    std::vector<torch::Tensor> results[2];
    const torch::Tensor hidden = torch::randn({19, 24}), weight = torch::randn({101, 24});
    for (const bool kernels : {true, false}) {
      const torch::Tensor h = hidden.clone().requires_grad_(), w = weight.clone().requires_grad_();
      LogprobCompute compute{dtype, 500, 500};
      compute.cpu_kernels = kernels;
      const TokenLogprobs tokens = token_logprobs(h, w, targets, {0.9, true}, compute);
      (tokens.logprobs.sum() + 0.1 * tokens.entropy.sum()).backward();
      results[kernels] = {tokens.logprobs, tokens.entropy, h.grad(), w.grad()};
    }
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(test::largest_gap(results[0][i], results[1][i]) <
            tolerance * (1 + results[0][i].abs().max().item<double>()));
    }
  }
}

TEST_CASE("no gradient is kept where none is asked for") {
  LanguageModel model = test::tiny_model("llama_tied");
  model.require_grad(true);
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({5}));
  const torch::NoGradGuard no_grad;
  CHECK_FALSE(model.token_logprobs(model.decoder().forward(batch), batch.token_ids).logprobs.requires_grad());
}

TEST_CASE("tied heads are the embedding, untied ones must be given") {
  const LanguageModel tied = test::tiny_model("llama_tied"), untied = test::tiny_model("gpt_neox");
  CHECK(tied.head_weight().is_same(tied.decoder().embedding()));
  CHECK_FALSE(untied.head_weight().is_same(untied.decoder().embedding()));
  CHECK(untied.parameters().back().name == "lm_head.weight");
  CHECK_THROWS_AS(LanguageModel(untied.decoder()), UserError);
  CHECK_THROWS_AS(LanguageModel(tied.decoder(), tied.head_weight()), UserError);
  CHECK_THROWS_AS(LanguageModel(untied.decoder(), torch::zeros({3, 16})), UserError);
}

TEST_CASE("a fresh value head has standard deviation 1 / sqrt(H + 1), scaled") {
  ModelConfig config = load_config(test::model_fixture("llama_tied"));
  config.hidden_size = 4096;
  config.num_hidden_layers = 1;
  config.vocab_size = 4;
  const ScalarModel model = ScalarModel::with_fresh_head(Decoder::initialise(config, 1), 7, 0.5);
  CHECK(model.score_weight().std().item<double>() == Approx(0.5 / std::sqrt(4097.0)).epsilon(0.05));
  const ScalarModel same = ScalarModel::with_fresh_head(Decoder::initialise(config, 2), 7, 0.5);
  CHECK(test::same_bits(model.score_weight(), same.score_weight()));
  CHECK_THROWS_AS(ScalarModel(model.decoder(), torch::zeros({2, 4096})), UserError);
}

TEST_CASE("weights that do not fit the config are refused") {
  const Decoder good = test::tiny_model("llama_tied").decoder();
  ModelConfig config = good.config();
  const auto build = [&](const ModelConfig& with, std::vector<LayerWeights> layers) {
    return Decoder(with, good.embedding(), {}, std::move(layers), good.final_norm_weight(), {});
  };
  CHECK_NOTHROW(build(config, good.layers()));
  config.intermediate_size += 1;
  CHECK_THROWS_WITH(build(config, good.layers()), test::contains("MLP input weight of layer 0"));
  std::vector<LayerWeights> biased = good.layers();
  biased[1].mlp_out_bias = torch::zeros({16});
  CHECK_THROWS_WITH(build(good.config(), biased), test::contains("MLP output bias of layer 1"));
  biased.pop_back();
  CHECK_THROWS_AS(build(good.config(), biased), UserError);
}

}  // namespace rlhf
