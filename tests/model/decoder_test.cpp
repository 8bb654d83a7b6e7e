#include <algorithm>

#include <torch/utils.h>

#include "model/attention.h"
#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

/// Hidden states of sequence s in a packed batch.
torch::Tensor rows_of(const torch::Tensor& hidden, const TokenBatch& batch, int64_t s) {
  return hidden.narrow(0, batch.offsets[static_cast<std::size_t>(s)], batch.length(s));
}

const std::vector<std::string> kFamilies = {"llama_grouped_own_head_size",
                                            "llama_biases_llama3_rope",
                                            "qwen2",
                                            "qwen3",
                                            "gpt2_scaled_untied",
                                            "gpt_neox",
                                            "gpt_neox_sequential"};

}  // namespace

TEST_CASE("a token batch lays sequences end to end") {
  const TokenBatch batch = TokenBatch::pack({{5, 6, 7}, {8}, {9, 10}});
  CHECK(batch.sequences() == 3);
  CHECK(batch.tokens() == 6);
  CHECK(batch.offsets == std::vector<int64_t>{0, 3, 4, 6});
  CHECK(torch::equal(batch.token_ids, torch::tensor({5, 6, 7, 8, 9, 10}, torch::kInt64)));
  CHECK(torch::equal(batch.positions, torch::tensor({0, 1, 2, 0, 0, 1}, torch::kInt64)));
  CHECK(torch::equal(batch.last_token_rows(), torch::tensor({2, 3, 5}, torch::kInt64)));
  CHECK_THROWS_AS(TokenBatch::pack({{1}, {}}), std::invalid_argument);
}

TEST_CASE("a packed batch computes what its sequences compute one by one") {
  const torch::NoGradGuard no_grad;
  const auto sequences = test::sequences_of({4, 33, 1, 60, 33, 7});
  for (const std::string& name : kFamilies) {
    INFO(name);
    const LanguageModel model = test::tiny_model(name);
    const TokenBatch batch = TokenBatch::pack(sequences);
    const torch::Tensor packed = model.decoder().forward(batch);
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      const TokenBatch alone = TokenBatch::pack({sequences[static_cast<std::size_t>(s)]});
      CHECK(test::largest_gap(rows_of(packed, batch, s), model.decoder().forward(alone)) < 1e-5);
    }
  }
}

TEST_CASE("sequences of very different length are padded in separate groups, and nothing else changes") {
  std::vector<int64_t> offsets = {0};
  for (int i = 0; i < 64; ++i) offsets.push_back(offsets.back() + (i % 2 ? 8 : 50));
  const PackedLayout layout(offsets, torch::kCPU);
  REQUIRE(layout.groups().size() == 2);
  CHECK(layout.longest() == 50);
  CHECK(layout.groups()[1].longest == 8);
  torch::manual_seed(3);
  const torch::Tensor q = torch::randn({offsets.back(), 4, 8}, torch::kFloat64);
  const torch::Tensor k = torch::randn({offsets.back(), 2, 8}, torch::kFloat64);
  const torch::Tensor v = torch::randn({offsets.back(), 2, 8}, torch::kFloat64);
  const torch::Tensor packed = packed_attention(q, k, v, layout, 0.35);
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    const auto rows = [&](const torch::Tensor& x) { return x.slice(0, offsets[s], offsets[s + 1]); };
    // The slow reference: softmax over the past, head by head.
    const torch::Tensor keys = rows(k).repeat_interleave(2, 1), values = rows(v).repeat_interleave(2, 1);
    torch::Tensor scores = torch::einsum("thd,uhd->htu", {rows(q), keys}) * 0.35;
    const torch::Tensor future = torch::ones_like(scores[0]).triu(1).to(torch::kBool);
    scores = scores.masked_fill(future, -1e30).softmax(-1);
    CHECK(test::largest_gap(rows(packed), torch::einsum("htu,uhd->thd", {scores, values})) < 1e-12);
  }
}

TEST_CASE("cached decoding equals the full pass") {
  const auto sequences = test::sequences_of({4, 33, 1, 60, 12});
  const std::vector<int64_t> slots = {6, 0, 3, 2, 5};  // scattered
  for (const std::string& name : kFamilies) {
    INFO(name);
    const LanguageModel model = test::tiny_model(name);
    const Decoder& decoder = model.decoder();
    const TokenBatch full = TokenBatch::pack(sequences);
    const torch::Tensor expected = decoder.forward(full);

    KvCache cache(decoder.config(), 8, 64, torch::kFloat32, torch::kCPU);
    for (int64_t slot = 0; slot < 8; ++slot) cache.set_length(slot, 9);  // left by earlier sequences
    std::vector<std::vector<TokenId>> prompts;
    for (const auto& sequence : sequences)
      prompts.emplace_back(sequence.begin(),
                           sequence.begin() + 1 + static_cast<std::ptrdiff_t>(sequence.size()) / 3);
    const TokenBatch prompt_batch = TokenBatch::pack(prompts);
    const torch::Tensor prefilled = decoder.prefill(prompt_batch, cache, slots);
    CHECK_FALSE(prefilled.requires_grad());
    REQUIRE(prefilled.size(0) == full.sequences());
    for (int64_t s = 0; s < full.sequences(); ++s)
      CHECK(test::largest_gap(prefilled[s], rows_of(expected, full, s)[prompt_batch.length(s) - 1]) < 1e-5);
    // Sequences end at different steps, so the slots in use thin out.
    for (std::size_t step = 0; step < 60; ++step) {
      std::vector<int64_t> active, next_ids;
      std::vector<torch::Tensor> rows;
      for (std::size_t s = 0; s < sequences.size(); ++s) {
        const std::size_t t = prompts[s].size() + step;
        if (t >= sequences[s].size()) continue;
        active.push_back(slots[s]);
        next_ids.push_back(sequences[s][t]);
        rows.push_back(rows_of(expected, full, static_cast<int64_t>(s))[static_cast<int64_t>(t)]);
      }
      if (active.empty()) break;
      const torch::Tensor hidden = decoder.decode(torch::tensor(next_ids, torch::kInt64), cache, active);
      CHECK(test::largest_gap(hidden, torch::stack(rows)) < 1e-5);
    }
    CHECK(cache.length(2) == 60);
  }
}

TEST_CASE("decoding over neighbouring slots of one length equals the full pass") {
  const auto sequences = test::sequences_of({20, 20, 20});
  const LanguageModel model = test::tiny_model("llama_grouped_own_head_size");
  const TokenBatch full = TokenBatch::pack(sequences);
  const torch::Tensor expected = model.decoder().forward(full).view({3, 20, -1});
  KvCache cache(model.decoder().config(), 4, 20, torch::kFloat32, torch::kCPU);
  std::vector<std::vector<TokenId>> firsts;
  for (const auto& sequence : sequences) firsts.push_back({sequence[0]});
  model.decoder().prefill(TokenBatch::pack(firsts), cache, {1, 2, 3});
  for (int64_t t = 1; t < 20; ++t) {
    const torch::Tensor ids = full.token_ids.view({3, 20}).select(1, t).contiguous();
    CHECK(test::largest_gap(model.decoder().decode(ids, cache, {1, 2, 3}), expected.select(1, t)) < 1e-5);
  }
  CHECK_THROWS_AS(model.decoder().decode(torch::tensor({5}, torch::kInt64), cache, {1}),
                  std::invalid_argument);
}

TEST_CASE("a sequence longer than the context is refused") {
  const LanguageModel model = test::tiny_model("gpt2");
  CHECK_NOTHROW(model.decoder().forward(TokenBatch::pack(test::sequences_of({64}))));
  CHECK_THROWS_AS(model.decoder().forward(TokenBatch::pack(test::sequences_of({3, 65}))),
                  std::invalid_argument);
  KvCache cache(model.decoder().config(), 1, 80, torch::kFloat32, torch::kCPU);
  model.decoder().prefill(TokenBatch::pack(test::sequences_of({64})), cache, {0});
  CHECK_THROWS_AS(model.decoder().decode(torch::tensor({5}, torch::kInt64), cache, {0}),
                  std::invalid_argument);
}

TEST_CASE("fresh weights are a function of the seed, with the spread the config asks for") {
  for (const std::string& name : kFamilies) {
    INFO(name);
    const ModelConfig config = load_config(test::model_fixture(name));
    const LanguageModel a = LanguageModel::initialise(config, 1), b = LanguageModel::initialise(config, 1),
                        c = LanguageModel::initialise(config, 2);
    int64_t count = 0;
    for (std::size_t i = 0; i < a.parameters().size(); ++i) {
      const NamedTensor parameter = a.parameters()[i];
      CHECK(test::same_bits(parameter.tensor, b.parameters()[i].tensor));
      if (parameter.tensor.dim() == 2)
        CHECK_FALSE(test::same_bits(parameter.tensor, c.parameters()[i].tensor));
      count += parameter.tensor.numel();
    }
    CHECK(count == config.parameter_count());
    CHECK(a.decoder().embedding().std().item<double>() == Approx(config.initializer_range).epsilon(0.1));
    CHECK(a.decoder().layers()[0].mlp_out_weight.std().item<double>() ==
          Approx(config.initializer_range / 2).epsilon(0.15));  // 1 / sqrt(2 layers), of which there are 2
  }
}

TEST_CASE("a clone and a frozen copy share nothing with their master") {
  LanguageModel master = test::tiny_model("qwen2");
  const LanguageModel clone = master.clone(), frozen = master.freeze(torch::kFloat32);
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({9, 4}));
  const torch::NoGradGuard no_grad;
  const torch::Tensor before = master.logits(master.decoder().forward(batch));
  for (const NamedTensor& parameter : master.parameters()) parameter.tensor.add_(0.1);
  CHECK(test::same_bits(clone.logits(clone.decoder().forward(batch)), before));
  CHECK(test::same_bits(frozen.logits(frozen.decoder().forward(batch)), before));
  CHECK(test::largest_gap(master.logits(master.decoder().forward(batch)), before) > 1e-2);
}

TEST_CASE("a frozen copy computes the bits of its master in every compute dtype") {
  const torch::NoGradGuard no_grad;
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({9, 30, 4}));
  for (const std::string& name : kFamilies) {
    for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
      INFO(name << " " << dtype);
      LanguageModel master = test::tiny_model(name);
      master.require_grad(true);
      master.decoder().set_compute_dtype(dtype);
      const LanguageModel frozen = master.freeze(dtype);
      CHECK(frozen.decoder().layers()[0].qkv_weight.scalar_type() == dtype);
      CHECK(frozen.decoder().final_norm_weight().scalar_type() == torch::kFloat32);
      CHECK_FALSE(frozen.decoder().embedding().requires_grad());
      const torch::Tensor hidden = master.decoder().forward(batch), same = frozen.decoder().forward(batch);
      CHECK(hidden.scalar_type() == torch::kFloat32);
      CHECK(test::same_bits(hidden, same));
      CHECK(test::same_bits(master.logits(hidden), frozen.logits(same)));
    }
  }
}

TEST_CASE("float64 agrees with float32 to rounding") {
  const torch::NoGradGuard no_grad;
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({9, 30}));
  for (const std::string& name : kFamilies) {
    INFO(name);
    const torch::Tensor exact = test::tiny_model(name, torch::kFloat64).decoder().forward(batch);
    CHECK(exact.scalar_type() == torch::kFloat64);
    CHECK(test::largest_gap(exact, test::tiny_model(name).decoder().forward(batch)) < 2e-5);
  }
}

TEST_CASE("some rows are what all rows have in their places, gradients too") {
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({9, 30, 17}));
  const torch::Tensor rows = torch::tensor({0, 8, 9, 20, 55}, torch::kInt64);
  for (const std::string& name : kFamilies) {
    for (const double hidden_dropout : {0.0, 0.2}) {
      INFO(name << ", dropout " << hidden_dropout);
      Dropout dropout;
      dropout.hidden = hidden_dropout;
      dropout.sequence_keys = {11, 22, 33};
      LanguageModel model = test::tiny_model(name);
      model.require_grad(true);
      const auto gradients_of = [&](const torch::Tensor& hidden) {
        const torch::Tensor weights = torch::linspace(-1, 1, hidden.numel()).view(hidden.sizes());
        (hidden * weights).sum().backward();
        std::vector<torch::Tensor> found;
        for (const NamedTensor& parameter : model.decoder().parameters()) {
          found.push_back(parameter.tensor.grad().clone());
          parameter.tensor.mutable_grad().reset();
        }
        return found;
      };
      const torch::Tensor all = model.decoder().forward(batch, dropout).index_select(0, rows);
      const torch::Tensor some = model.decoder().forward_rows(batch, rows, dropout);
      CHECK(test::largest_gap(some, all) < 1e-5);
      const auto expected = gradients_of(all), found = gradients_of(some);
      for (std::size_t i = 0; i < expected.size(); ++i)
        CHECK(test::largest_gap(found[i], expected[i]) < 1e-4 * (1 + expected[i].abs().max().item<float>()));
    }
  }
}

TEST_CASE("dropout masks belong to their sequence, not to the batch") {
  const auto sequences = test::sequences_of({9, 30, 17});
  const LanguageModel model = test::tiny_model("llama_tied");
  Dropout dropout;
  dropout.hidden = 0.2;
  dropout.embedding = 0.1;
  dropout.token = 0.1;
  dropout.sequence_keys = {11, 22, 33};
  const torch::NoGradGuard no_grad;
  const TokenBatch batch = TokenBatch::pack(sequences);
  const torch::Tensor together = model.decoder().forward(batch, dropout);
  CHECK(test::same_bits(together, model.decoder().forward(batch, dropout)));
  CHECK(test::largest_gap(together, model.decoder().forward(batch)) > 0.1);
  for (int64_t s = 0; s < 3; ++s) {
    Dropout alone = dropout;
    alone.sequence_keys = {dropout.sequence_keys[static_cast<std::size_t>(s)]};
    const torch::Tensor one =
        model.decoder().forward(TokenBatch::pack({sequences[static_cast<std::size_t>(s)]}), alone);
    CHECK(test::largest_gap(rows_of(together, batch, s), one) < 1e-5);
    alone.sequence_keys = {99};
    CHECK(test::largest_gap(one, model.decoder().forward(
                                     TokenBatch::pack({sequences[static_cast<std::size_t>(s)]}), alone)) >
          0.1);
  }
  dropout.sequence_keys.pop_back();
  CHECK_THROWS_AS(model.decoder().forward(batch, dropout), std::invalid_argument);
}

TEST_CASE("dropout keeps the stated share of elements and their mean, differently in every stream") {
  const torch::Tensor ones = torch::ones({4000, 16});
  const std::vector<int64_t> offsets = {0, 1000, 4000};
  const torch::Tensor dropped = keyed_dropout(ones, 0.3, {1, 2}, offsets, 5);
  CHECK((dropped == 0).to(torch::kFloat64).mean().item<double>() == Approx(0.3).margin(0.006));
  CHECK(dropped.mean().item<double>() == Approx(1.0).margin(0.01));
  const torch::Tensor other = keyed_dropout(ones, 0.3, {1, 2}, offsets, 6);
  const double both = ((dropped == 0) & (other == 0)).to(torch::kFloat64).mean().item<double>();
  CHECK(both == Approx(0.09).margin(0.006));  // independent
  const torch::Tensor rows = keyed_row_dropout(ones, 0.3, {1, 2}, offsets, 1);
  CHECK(torch::equal(rows.amin(1), rows.amax(1)));
  CHECK((rows.select(1, 0) == 0).to(torch::kFloat64).mean().item<double>() == Approx(0.3).margin(0.025));
}

}  // namespace rlhf
