// What runs on GPUs, on the CPU: the same tokens as the CPU's own generator draws.
#include "rollout/device_generation.h"

#include <cmath>
#include <limits>

#include "rollout/device_sampling.h"
#include "rollout/sampling.h"
#include "tests/support/catch.h"
#include "tests/train/tiny_models.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

std::vector<SamplingOptions> ways_of_sampling() {
  std::vector<SamplingOptions> ways(8);
  ways[1].temperature = 0;
  ways[2].temperature = 0.6;
  ways[3].top_k = 5;
  ways[4].top_p = 0.7;
  ways[5].min_p = 0.2;
  ways[6].repetition_penalty = 1.5;
  ways[7].temperature = 1.3;
  ways[7].top_k = 9;
  ways[7].top_p = 0.8;
  ways[7].min_p = 0.05;
  ways[7].repetition_penalty = 1.2;
  return ways;
}

}  // namespace

TEST_CASE("tensor operations draw the tokens that the CPU's sampler draws") {
  constexpr int64_t kRows = 200, kVocabulary = 37;
  torch::manual_seed(3);
  const torch::Tensor logits = torch::randn({kRows, kVocabulary}) * 3;
  const std::vector<TokenId> context{2, 6, 2, 30};
  torch::Tensor seen = torch::zeros({kRows, kVocabulary}, torch::kBool);
  for (const TokenId id : context) seen.select(1, id).fill_(true);
  std::vector<DrawKey> keys;
  std::vector<double> uniforms;
  for (int64_t row = 0; row < kRows; ++row) {
    keys.push_back({8, 1, row, 0, 2});
    uniforms.push_back(uniform_draw(keys.back()));
  }
  for (const SamplingOptions& options : ways_of_sampling()) {
    INFO("temperature " << options.temperature << ", top_k " << options.top_k << ", top_p " << options.top_p
                        << ", min_p " << options.min_p << ", penalty " << options.repetition_penalty);
    const SampledTokens expected =
        sample_tokens(logits, options, keys,
                      std::vector<const std::vector<TokenId>*>(static_cast<size_t>(kRows), &context));
    const DeviceSample found = sample_on_device(logits, options, torch::tensor(uniforms, torch::kFloat64),
                                                options.repetition_penalty == 1.0 ? torch::Tensor() : seen);
    for (int64_t row = 0; row < kRows; ++row) {
      CHECK(found.token_ids[row].item<int64_t>() == expected.token_ids[static_cast<size_t>(row)]);
      CHECK(std::abs(found.logprobs[row].item<float>() - expected.logprobs[static_cast<size_t>(row)]) <
            1e-5f);
    }
  }
}

TEST_CASE("a draw at either end of its range is a possible token") {
  const torch::Tensor logits = torch::tensor({{-1e30, 0.0, 1.0, -1e30}}, torch::kFloat32);
  for (const double uniform : {1e-300, 1 - 1e-16}) {
    const auto draw = torch::tensor({uniform}, torch::kFloat64);
    const auto id = sample_on_device(logits, {}, draw, {}).token_ids.item<int64_t>();
    CHECK(id == (uniform < 0.5 ? 1 : 2));
  }
}

TEST_CASE("logits that are not numbers give some token") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const torch::Tensor logits = torch::full({2, 5}, nan, torch::kFloat32);
  const auto draws = torch::tensor({0.1, 0.9}, torch::kFloat64);
  for (const SamplingOptions& options : ways_of_sampling()) {
    const torch::Tensor ids =
        sample_on_device(logits, options, draws, torch::zeros({2, 5}, torch::kBool)).token_ids;
    CHECK(ids.min().item<int64_t>() >= 0);
    CHECK(ids.max().item<int64_t>() < 5);
  }
}

TEST_CASE("responses drawn on the device are those drawn on the host, in batches of any size") {
  const LanguageModel model = tiny_language_model(torch::kFloat32).freeze(torch::kFloat32);
  // More tokens than two looks of the host are apart, more samples than slots, and a prompt that is divided.
  const std::vector<GenerationRequest> requests{
      {{1, 3, 4}, 0, 3}, {{1}, 1, 2}, {{1, 7, 8, 9, 3, 5}, 2, 1}, {{6, 6}, 3, 5}, {{1, 10, 11, 4}, 4, 2}};
  for (SamplingOptions sampling : ways_of_sampling()) {
    for (const int32_t length : {1, 8, 19}) {
      GeneratorOptions options;
      sampling.max_new_tokens = length;
      options.sampling = sampling;
      options.eos_token_ids = {kEos};
      options.seed = 5;
      const auto expected = generate(model, requests, options);
      for (const int64_t slots : {1, 3, 64}) {
        INFO("length " << length << ", slots " << slots << ", temperature " << sampling.temperature);
        options.max_batch_size = slots;
        int64_t done = 0;
        const auto found =
            DeviceGeneration(model, requests, options).run([&](int64_t count) { done = count; });
        CHECK(done == 13);
        REQUIRE(found.size() == expected.size());
        for (size_t i = 0; i < found.size(); ++i) {
          CHECK(found[i].token_ids == expected[i].token_ids);
          CHECK(found[i].finish_reason == expected[i].finish_reason);
          REQUIRE(found[i].logprobs.size() == expected[i].logprobs.size());
          for (size_t t = 0; t < found[i].logprobs.size(); ++t)
            CHECK(std::abs(found[i].logprobs[t] - expected[i].logprobs[t]) < 1e-5f);
        }
      }
    }
  }
}
