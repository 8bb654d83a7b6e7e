#include "model/packed_decoding.h"

#include <torch/utils.h>

#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

/// Logits of the sequences' tokens from the second on, decoded one by one beside one another, a row each.
std::vector<torch::Tensor> decoded(const LanguageModel& model,
                                   const std::vector<std::vector<TokenId>>& sequences) {
  KvCache cache(model.decoder().config(), static_cast<int64_t>(sequences.size()) + 1, 64,
                model.decoder().compute_dtype(), torch::kCPU);
  std::vector<int64_t> slots;
  for (const auto& sequence : sequences) {  // each alone: a batch of prompts has no bits to promise
    slots.push_back(
        static_cast<int64_t>(sequences.size() - slots.size()));  // the last slot first, slot 0 unused
    model.decoder().prefill(TokenBatch::pack({{sequence.front()}}), cache, {slots.back()});
  }
  PackedDecoding decoding(model.packed(), cache);
  std::vector<std::vector<torch::Tensor>> rows(sequences.size());
  for (size_t t = 1; t < 64; ++t) {
    std::vector<TokenId> ids;
    std::vector<int64_t> active;
    std::vector<size_t> of;
    for (size_t s = 0; s < sequences.size(); ++s) {
      if (t >= sequences[s].size()) continue;
      ids.push_back(sequences[s][t]);
      active.push_back(slots[s]);
      of.push_back(s);
    }
    if (ids.empty()) break;
    const torch::Tensor logits = decoding.step(ids, active);
    for (size_t i = 0; i < of.size(); ++i) rows[of[i]].push_back(logits[static_cast<int64_t>(i)].clone());
  }
  std::vector<torch::Tensor> all;
  for (const auto& one : rows) all.push_back(torch::stack(one));
  return all;
}

torch::Tensor full_pass(const LanguageModel& model, const std::vector<TokenId>& sequence) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor logits = model.logits(model.decoder().forward(TokenBatch::pack({sequence})));
  return logits.narrow(0, 1, logits.size(0) - 1);
}

}  // namespace

TEST_CASE("packed decoding equals the full pass, for every family") {
  const auto sequences = test::sequences_of({4, 33, 2, 60, 12, 2, 2, 2, 2, 2, 2, 2, 9, 5});
  for (const std::string& name : test::model_fixtures(false)) {
    INFO(name);
    LanguageModel model = test::tiny_model(name).freeze(torch::kFloat32);
    model.pack_for_decoding();
    REQUIRE(model.packed());
    const auto found = decoded(model, sequences);
    for (size_t s = 0; s < sequences.size(); ++s)
      CHECK(test::largest_gap(found[s], full_pass(model, sequences[s])) < 2e-5);
  }
}

TEST_CASE("in bfloat16, packed decoding is about as far from exact sums as the full pass is") {
  const auto sequences = test::sequences_of({4, 33, 2, 60, 12});
  for (const std::string& name : test::model_fixtures(false)) {
    INFO(name);
    LanguageModel model = test::tiny_model(name).freeze(torch::kBFloat16);
    const LanguageModel exact = model.freeze(torch::kFloat32);  // the same weights
    model.pack_for_decoding();
    const auto found = decoded(model, sequences);
    double of_packed = 0, of_full_pass = 0;
    for (size_t s = 0; s < sequences.size(); ++s) {
      const torch::Tensor expected = full_pass(exact, sequences[s]);
      of_packed += (found[s] - expected).square().sum().item<double>();
      of_full_pass += (full_pass(model, sequences[s]) - expected).square().sum().item<double>();
    }
    CHECK(of_packed < 1.5 * of_full_pass);
  }
}

TEST_CASE(
    "packed decoding gives a sequence the same bits alone and beside others, on any number of threads") {
  const auto sequences = test::sequences_of({9, 33, 17, 5, 21, 30, 8, 8, 8, 8, 8, 8, 8, 40});
  const int threads = torch::get_num_threads();
  for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
    LanguageModel model = test::tiny_model("llama_grouped_own_head_size").freeze(dtype);
    model.pack_for_decoding();
    torch::set_num_threads(1);
    const auto together = decoded(model, sequences);
    for (const int count : {1, 2, 3}) {
      torch::set_num_threads(count);
      for (const size_t s : {size_t{0}, size_t{1}, size_t{13}})
        CHECK(torch::equal(decoded(model, {sequences[s]})[0], together[s]));
    }
  }
  torch::set_num_threads(threads);
}

TEST_CASE("a prompt is run with the packed weights, to the bits of the full pass where such products pay") {
  const auto sequences = test::sequences_of({4, 33, 2, 17});
  for (const torch::ScalarType dtype : {torch::kFloat32, torch::kBFloat16}) {
    if (!packed_products_pay(dtype)) continue;
    for (const std::string& name : test::model_fixtures(false)) {
      INFO(name);
      LanguageModel model = test::tiny_model(name).freeze(dtype);
      const TokenBatch batch = TokenBatch::pack(sequences);
      const auto cache = [&] { return KvCache(model.decoder().config(), 4, 64, dtype, torch::kCPU); };
      KvCache expected_cache = cache(), found_cache = cache();
      const torch::Tensor expected = model.decoder().prefill(batch, expected_cache, {3, 1, 0, 2});
      model.pack_for_decoding();
      const torch::Tensor found = model.prefill(batch, found_cache, {3, 1, 0, 2});
      CHECK(torch::equal(found, expected));
      for (int64_t layer = 0; layer < model.decoder().config().num_hidden_layers; ++layer) {
        CHECK(torch::equal(found_cache.keys(layer), expected_cache.keys(layer)));
        CHECK(torch::equal(found_cache.values(layer), expected_cache.values(layer)));
      }
    }
  }
}

TEST_CASE("prefill multiplies with the packed matrices it is given, not with the layer's own") {
  LanguageModel model = test::tiny_model("llama_grouped_own_head_size").freeze(torch::kFloat32);
  model.pack_for_decoding();
  const TokenBatch batch = TokenBatch::pack(test::sequences_of({5}));
  KvCache cache(model.decoder().config(), 1, 64, torch::kFloat32, torch::kCPU);
  const torch::Tensor before = model.decoder().prefill(batch, cache, {0}, &model.packed()->layers());
  for (const LayerWeights& layer : model.decoder().layers())
    for (torch::Tensor matrix :
         {layer.qkv_weight, layer.attention_out_weight, layer.mlp_in_weight, layer.mlp_out_weight})
      matrix.zero_();
  CHECK(torch::equal(model.decoder().prefill(batch, cache, {0}, &model.packed()->layers()), before));
  CHECK_FALSE(torch::equal(model.decoder().prefill(batch, cache, {0}), before));
}

TEST_CASE("packed decoding refuses a full slot and a context that is used up") {
  LanguageModel model = test::tiny_model("gpt2").freeze(torch::kFloat32);
  model.pack_for_decoding();
  const auto start = [&](int64_t length, int64_t capacity) {
    KvCache cache(model.decoder().config(), 1, capacity, torch::kFloat32, torch::kCPU);
    model.decoder().prefill(TokenBatch::pack(test::sequences_of({static_cast<int>(length)})), cache, {0});
    return PackedDecoding(model.packed(), cache).step({5}, {0});
  };
  CHECK_NOTHROW(start(19, 20));
  CHECK_THROWS_AS(start(20, 20), std::invalid_argument);
  CHECK_THROWS_AS(start(64, 80), std::invalid_argument);
}

TEST_CASE("models in float64 are not packed") {
  LanguageModel model = test::tiny_model("gpt2").freeze(torch::kFloat64);
  model.pack_for_decoding();
  CHECK_FALSE(model.packed());
}

}  // namespace rlhf
