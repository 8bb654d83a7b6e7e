// Every family and option against transformers (tests/parity/make_model_fixtures.py).
#include <cstdlib>
#include <iostream>

#include <torch/utils.h>

#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

using test::Expected;

/// Log-probabilities of tokens 1, 2, ... of sequence s of a packed batch.
torch::Tensor logprobs_of(const LanguageModel& model, const torch::Tensor& hidden, const TokenBatch& batch,
                          int64_t s) {
  const int64_t first = batch.offsets[static_cast<std::size_t>(s)], count = batch.length(s) - 1;
  return model.token_logprobs(hidden.narrow(0, first, count), batch.token_ids.narrow(0, first + 1, count))
      .logprobs;
}

void check_logprobs(const LanguageModel& model, const Expected& expected, double tolerance) {
  const torch::NoGradGuard no_grad;
  const TokenBatch batch = TokenBatch::pack(expected.token_ids);
  const torch::Tensor hidden = model.decoder().forward(batch);
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    if (batch.length(s) == 1) continue;
    INFO("sequence " << s);
    CHECK(test::largest_gap(logprobs_of(model, hidden, batch, s),
                            torch::tensor(expected.logprobs[static_cast<std::size_t>(s)], torch::kFloat64)) <
          tolerance);
  }
}

}  // namespace

TEST_CASE("log-probabilities of every family and option agree with transformers") {
  const std::vector<std::string> names = test::model_fixtures(false);
  REQUIRE(names.size() >= 14);
  for (const std::string& name : names) {
    INFO(name);
    for (const bool trainable : {false, true}) {
      const LanguageModel model =
          load_language_model(test::model_fixture(name), torch::kFloat32, torch::kCPU, trainable);
      check_logprobs(model, test::read_expected(name), 3e-5);
    }
  }
}

TEST_CASE("scores of every family's classifier agree with transformers") {
  const torch::NoGradGuard no_grad;
  for (const std::string& name : test::model_fixtures(true)) {
    INFO(name);
    const LoadedScalarModel loaded =
        load_scalar_model(test::model_fixture(name), torch::kFloat32, torch::kCPU, false);
    CHECK_FALSE(loaded.fresh_head);
    const Expected expected = test::read_expected(name);
    const TokenBatch batch = TokenBatch::pack(expected.token_ids);
    const torch::Tensor hidden = loaded.model.decoder().forward(batch);
    const torch::Tensor values = loaded.model.values(hidden.index_select(0, batch.last_token_rows()));
    CHECK(test::largest_gap(values, torch::tensor(expected.scores, torch::kFloat64)) < 3e-5);
  }
}

TEST_CASE("log-probabilities in bfloat16 stay near those in float32") {
  for (const std::string name : {"llama_tied", "qwen3", "gpt2", "gpt_neox"}) {
    INFO(name);
    LanguageModel model = test::tiny_model(name);
    model.decoder().set_compute_dtype(torch::kBFloat16);
    check_logprobs(model, test::read_expected(name), 0.35);
  }
}

TEST_CASE("log-probabilities of SmolLM2 agree with transformers") {
  // RLHF_SMOLLM2 names the model folder; expected.json beside it comes from tests/parity/expect_logprobs.py.
  const char* folder = std::getenv("RLHF_SMOLLM2");
  if (!folder) {
    std::cerr << "skipped: RLHF_SMOLLM2 does not name a SmolLM2 folder with expected.json\n";
    return;
  }
  const auto json = nlohmann::json::parse(test::read_file(std::filesystem::path(folder) / "expected.json"));
  const Expected expected{json["token_ids"].get<std::vector<std::vector<TokenId>>>(),
                          json["logprobs"].get<std::vector<std::vector<double>>>(),
                          {}};
  check_logprobs(load_language_model(ModelFiles::in_folder(folder), torch::kFloat32, torch::kCPU, false),
                 expected, 1e-4);
}

// Run by tests/parity/check_saved_models.py, which loads what this saves with transformers.
TEST_CASE("every fixture is saved again under RLHF_SAVE_MODELS", "[.save]") {
  const char* root = std::getenv("RLHF_SAVE_MODELS");
  REQUIRE(root);
  const auto folder_of = [&](const std::string& name) {
    const std::filesystem::path folder = std::filesystem::path(root) / name;
    std::filesystem::create_directories(folder);
    return folder;
  };
  SaveOptions sharded;
  sharded.max_shard_bytes = 8 << 10;
  for (const std::string& name : test::model_fixtures(false)) {
    const LanguageModel model = test::tiny_model(name);
    save_language_model(model, folder_of(name));
    save_language_model(model, folder_of(name + "_sharded_again"), sharded);
    // What becomes of a causal model when it is trained as a reward model.
    const LoadedScalarModel reward =
        load_scalar_model(test::model_fixture(name), torch::kFloat32, torch::kCPU, true, 5);
    save_scalar_model(reward.model, {0.5, 2.0}, folder_of(name + "_reward"));
  }
  for (const std::string& name : test::model_fixtures(true)) {
    const LoadedScalarModel loaded =
        load_scalar_model(test::model_fixture(name), torch::kFloat32, torch::kCPU, true);
    save_scalar_model(loaded.model, {0.5, 2.0}, folder_of(name));
  }
}

}  // namespace rlhf
