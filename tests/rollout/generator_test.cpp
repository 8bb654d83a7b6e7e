#include "rollout/generator.h"

#include <algorithm>
#include <cmath>

#include <torch/utils.h>

#include "contract/error.h"
#include "model/packed_matrix.h"
#include "rollout/sampling.h"
#include "tests/support/catch.h"
#include "tests/train/tiny_models.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// Prompts of different lengths, 1 to 3 samples each.
std::vector<GenerationRequest> requests() {
  return {{{1, 3, 4}, 0, 3}, {{1}, 1, 2}, {{1, 7, 8, 9, 3, 5}, 2, 1}, {{6, 6}, 3, 3}, {{1, 10, 11, 4}, 4, 2}};
}

GeneratorOptions options(double temperature = 1.0) {
  GeneratorOptions o;
  o.sampling.temperature = temperature;
  o.sampling.max_new_tokens = 10;
  o.eos_token_ids = {kEos};
  o.seed = 5;
  o.iteration = 3;
  return o;
}

LanguageModel frozen() {
  LanguageModel model = tiny_language_model(torch::kFloat32).freeze(torch::kFloat32);
  model.pack_for_decoding();
  return model;
}

void check_same(const std::vector<GeneratedResponse>& found, const std::vector<GeneratedResponse>& expected) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    INFO("response " << i);
    CHECK(found[i].token_ids == expected[i].token_ids);
    CHECK(found[i].finish_reason == expected[i].finish_reason);
    REQUIRE(found[i].logprobs.size() == expected[i].logprobs.size());
    for (size_t t = 0; t < found[i].logprobs.size(); ++t)
      CHECK(std::abs(found[i].logprobs[t] - expected[i].logprobs[t]) < 1e-5);
  }
}

/// Sample `sample` of a request from a cache that holds nothing else.
GeneratedResponse alone(const LanguageModel& model, const GenerationRequest& request, int64_t sample,
                        const GeneratorOptions& o) {
  const torch::InferenceMode inference;
  KvCache cache(model.decoder().config(), 1, 32, torch::kFloat32, torch::kCPU);
  PackedDecoding decoding(model.packed(), cache);
  const torch::Tensor hidden = model.prefill(TokenBatch::pack({request.prompt_ids}), cache, {0});
  torch::Tensor logits = model.logits(hidden.narrow(0, hidden.size(0) - 1, 1));
  GeneratedResponse response;
  for (int64_t position = 0; position < o.sampling.max_new_tokens; ++position) {
    const DrawKey key{o.seed, o.iteration, request.prompt, sample, position};
    const SampledTokens drawn = sample_tokens(logits, o.sampling, {key}, {});
    response.token_ids.push_back(drawn.token_ids[0]);
    response.logprobs.push_back(drawn.logprobs[0]);
    if (drawn.token_ids[0] == kEos) return response;
    logits = decoding.step({drawn.token_ids[0]}, {0});
  }
  response.finish_reason = FinishReason::kLength;
  return response;
}

/// Log-probabilities at `temperature` of a response by one pass over the whole text, in float64.
std::vector<double> full_pass(const LanguageModel& model, const GenerationRequest& request,
                              const GeneratedResponse& response, double temperature) {
  const torch::NoGradGuard no_grad;
  std::vector<TokenId> text = request.prompt_ids;
  text.insert(text.end(), response.token_ids.begin(), response.token_ids.end());
  const torch::Tensor logits = model.logits(model.decoder().forward(TokenBatch::pack({text})));
  const torch::Tensor logprobs = torch::log_softmax(logits.to(torch::kFloat64) / temperature, -1);
  std::vector<double> found;
  for (size_t i = request.prompt_ids.size(); i < text.size(); ++i)
    found.push_back(logprobs[static_cast<int64_t>(i) - 1][text[i]].item<double>());
  return found;
}

}  // namespace

TEST_CASE("a sequence is the same alone, in any batch, beside any others, on any number of threads") {
  const LanguageModel model = frozen();
  const auto expected = generate(model, requests(), options());
  REQUIRE(expected.size() == 11);
  for (const int64_t batch : {1, 2, 3, 7}) {
    INFO("batches of " << batch);
    GeneratorOptions o = options();
    o.max_batch_size = batch;
    check_same(generate(model, requests(), o), expected);
  }
  size_t first = 0;
  for (const GenerationRequest& request : requests()) {
    const auto samples = static_cast<size_t>(request.samples);
    check_same(generate(model, {request}, options()),
               {expected.begin() + static_cast<std::ptrdiff_t>(first),
                expected.begin() + static_cast<std::ptrdiff_t>(first + samples)});
    first += samples;
  }
  auto reversed = requests();
  std::reverse(reversed.begin(), reversed.end());
  const auto backwards = generate(model, reversed, options());
  check_same({backwards.end() - 3, backwards.end()}, {expected.begin(), expected.begin() + 3});

  const int threads = torch::get_num_threads();
  for (const int count : {1, 2, 3}) {
    torch::set_num_threads(count);
    check_same(generate(model, requests(), options()), expected);
  }
  torch::set_num_threads(threads);
}

TEST_CASE(
    "samples that share their prompt's keys and values are what each is alone, whenever it is admitted") {
  const LanguageModel model = frozen();
  const std::vector<GenerationRequest> many{
      {{1, 3, 4, 8, 2}, 7, 9}, {{1, 5}, 8, 1}, {{6, 6, 11}, 9, 4}, {{1, 3, 4, 8, 2}, 10, 5}};
  std::vector<GeneratedResponse> expected;
  for (const GenerationRequest& request : many)
    for (int64_t sample = 0; sample < request.samples; ++sample)
      expected.push_back(alone(model, request, sample, options()));
  for (const int64_t slots :
       {1, 2, 3, 4, 8, 64}) {  // fewer than the samples of one prompt, and more than all
    INFO(slots << " slots");
    GeneratorOptions o = options();
    o.max_batch_size = slots;
    const auto found = generate(model, many, o);
    check_same(found, expected);
    if (!packed_products_pay(torch::kFloat32)) continue;  // LibTorch's products know their neighbours
    for (size_t i = 0; i < found.size(); ++i) CHECK(found[i].logprobs == expected[i].logprobs);
  }
}

TEST_CASE("the same requests are the same bits; seed, iteration and sample make another text") {
  const LanguageModel model = frozen();
  const auto once = generate(model, requests(), options()), again = generate(model, requests(), options());
  for (size_t i = 0; i < once.size(); ++i) {
    CHECK(once[i].token_ids == again[i].token_ids);
    CHECK(once[i].logprobs == again[i].logprobs);
  }
  const auto texts = [&](const GeneratorOptions& o) {
    std::vector<std::vector<TokenId>> found;
    for (const GeneratedResponse& response : generate(model, requests(), o))
      found.push_back(response.token_ids);
    return found;
  };
  GeneratorOptions other_seed = options(), other_iteration = options();
  other_seed.seed = 6;
  other_iteration.iteration = 4;
  CHECK(texts(other_seed) != texts(options()));
  CHECK(texts(other_iteration) != texts(options()));
  CHECK(once[0].token_ids != once[1].token_ids);
}

TEST_CASE("texts of a model that is not laid out for decoding are the same") {
  check_same(generate(tiny_language_model(torch::kFloat32), requests(), options()),
             generate(frozen(), requests(), options()));
}

TEST_CASE("a token is the draw that seed, iteration, prompt, sample and position name") {
  const torch::NoGradGuard no_grad;
  const LanguageModel model = frozen();
  const GeneratorOptions o = options();
  const auto responses = generate(model, requests(), o);
  size_t i = 0;
  for (const GenerationRequest& request : requests()) {
    for (int32_t sample = 0; sample < request.samples; ++sample, ++i) {
      std::vector<TokenId> text = request.prompt_ids;
      int64_t position = 0;
      for (const TokenId drawn : responses[i].token_ids) {
        const torch::Tensor hidden = model.decoder().forward(TokenBatch::pack({text}));
        const torch::Tensor logits = model.logits(hidden.narrow(0, hidden.size(0) - 1, 1));
        const DrawKey key{o.seed, o.iteration, request.prompt, sample, position++};
        CHECK(sample_tokens(logits, o.sampling, {key}, {&text}).token_ids == std::vector<TokenId>{drawn});
        text.push_back(drawn);
      }
    }
  }
}

TEST_CASE("log-probabilities are those of a full pass over the text") {
  const LanguageModel model = frozen();
  for (const double temperature : {1.0, 0.6, 0.0}) {
    const auto responses = generate(model, requests(), options(temperature));
    size_t i = 0;
    for (const GenerationRequest& request : requests()) {
      for (int32_t sample = 0; sample < request.samples; ++sample, ++i) {
        const auto expected = full_pass(model, request, responses[i], temperature == 0 ? 1.0 : temperature);
        REQUIRE(responses[i].logprobs.size() == expected.size());
        for (size_t t = 0; t < expected.size(); ++t)
          CHECK(std::abs(responses[i].logprobs[t] - expected[t]) < 1e-5);
      }
    }
  }
}

TEST_CASE("greedy decoding takes the likeliest token of a full pass, for every sample") {
  const LanguageModel model = frozen();
  const auto responses = generate(model, requests(), options(0.0));
  std::vector<TokenId> text = requests()[0].prompt_ids;
  std::vector<TokenId> expected;
  const torch::NoGradGuard no_grad;
  while (expected.size() < 10 && (expected.empty() || expected.back() != kEos)) {
    const auto hidden = model.decoder().forward(TokenBatch::pack({text}));
    const auto last = model.logits(hidden.narrow(0, hidden.size(0) - 1, 1));
    expected.push_back(static_cast<TokenId>(last.argmax(-1).item<int64_t>()));
    text.push_back(expected.back());
  }
  for (size_t sample = 0; sample < 3; ++sample) CHECK(responses[sample].token_ids == expected);
}

TEST_CASE("a response stops at the first end-of-sequence token, which it includes, or at its length") {
  const LanguageModel model = frozen();
  std::vector<GenerationRequest> many = requests();
  for (GenerationRequest& request : many) request.samples = 20;
  int64_t stopped = 0, cut = 0;
  for (const GeneratedResponse& response : generate(model, many, options())) {
    const auto& ids = response.token_ids;
    const auto end = std::find(ids.begin(), ids.end(), kEos);
    if (response.finish_reason == FinishReason::kStop) {
      ++stopped;
      CHECK(end + 1 == ids.end());
      CHECK(ids.size() <= 10);
    } else {
      ++cut;
      CHECK(end == ids.end());
      CHECK(ids.size() == 10);
    }
  }
  CHECK(stopped > 10);
  CHECK(cut > 10);
}

TEST_CASE("any of several ends stops a response, and none does when there is none") {
  const LanguageModel model = frozen();
  GeneratorOptions o = options();
  o.eos_token_ids = {};
  const auto endless = generate(model, requests(), o);
  o.eos_token_ids = {4, 9};
  const auto ended = generate(model, requests(), o);
  bool stopped = false;
  for (size_t i = 0; i < endless.size(); ++i) {
    CHECK(endless[i].token_ids.size() == 10);
    CHECK(endless[i].finish_reason == FinishReason::kLength);
    const auto end = std::find_if(endless[i].token_ids.begin(), endless[i].token_ids.end(),
                                  [](TokenId id) { return id == 4 || id == 9; });
    const bool has_end = end != endless[i].token_ids.end();
    stopped = stopped || has_end;
    CHECK(ended[i].token_ids == std::vector<TokenId>(endless[i].token_ids.begin(), has_end ? end + 1 : end));
    CHECK((ended[i].finish_reason == FinishReason::kStop) == has_end);
  }
  CHECK(stopped);
}

TEST_CASE("a response of one token, an end drawn in the last place, and no request at all") {
  const LanguageModel model = frozen();
  GeneratorOptions o = options();
  o.sampling.max_new_tokens = 1;
  std::vector<GenerationRequest> many{{{1, 3}, 0, 60}};
  bool ended = false;
  for (const GeneratedResponse& response : generate(model, many, o)) {
    CHECK(response.token_ids.size() == 1);
    const bool end = response.token_ids[0] == kEos;
    CHECK((response.finish_reason == FinishReason::kStop) == end);
    ended = ended || end;
  }
  CHECK(ended);
  CHECK(generate(model, {}, o).empty());
}

TEST_CASE("answers whose log-probabilities are no numbers are refused") {
  CHECK_NOTHROW(require_finite({{{1, 2}, {-0.5f, 0.0f}, FinishReason::kStop}}));
  CHECK_THROWS_AS(require_finite({{{1}, {std::nanf("")}, FinishReason::kStop}}), WorldError);
}

TEST_CASE("progress counts every response once") {
  const LanguageModel model = frozen();
  GeneratorOptions o = options();
  o.max_batch_size = 3;
  std::vector<int64_t> told;
  generate(model, requests(), o, [&](int64_t done) { told.push_back(done); });
  CHECK(std::is_sorted(told.begin(), told.end()));
  CHECK(told.back() == 11);
}

TEST_CASE("a prompt without room for its response, or without a token, is refused") {
  const LanguageModel model = frozen();
  CHECK_THROWS_WITH(generate(model, {{std::vector<TokenId>(23, 3), 0, 1}}, options()),
                    test::contains("context of 32"));
  CHECK_NOTHROW(generate(model, {{std::vector<TokenId>(22, 3), 0, 1}}, options()));
  CHECK_THROWS_AS(generate(model, {{{}, 0, 1}}, options()), UserError);
}
