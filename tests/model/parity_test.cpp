// Every family and option against transformers (tests/parity/make_model_fixtures.py).
#include <nlohmann/json.hpp>

#include "model/model_folder.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {
namespace {

struct Expected {
  std::vector<std::vector<TokenId>> token_ids;
  std::vector<std::vector<double>> logprobs;
  std::vector<double> scores;
};

Expected read_expected(const std::filesystem::path& folder) {
  const auto json = nlohmann::json::parse(test::read_file(folder / "expected.json"));
  Expected expected;
  expected.token_ids = json["token_ids"].get<std::vector<std::vector<TokenId>>>();
  if (json.contains("logprobs")) expected.logprobs = json["logprobs"].get<std::vector<std::vector<double>>>();
  if (json.contains("scores")) expected.scores = json["scores"].get<std::vector<double>>();
  return expected;
}

/// Log-probabilities of tokens 1, 2, ... of one sequence of a packed batch, from the hidden rows of the batch.
std::vector<double> logprobs_of(const LanguageModel& model, const torch::Tensor& hidden, const TokenBatch& batch,
                                int64_t s) {
  const int64_t first = batch.offsets[static_cast<std::size_t>(s)], count = batch.length(s) - 1;
  if (count == 0) return {};
  const torch::Tensor found =
      model.token_logprobs(hidden.narrow(0, first, count), batch.token_ids.narrow(0, first + 1, count))
          .logprobs.to(torch::kFloat64);
  return {found.data_ptr<double>(), found.data_ptr<double>() + count};
}

double largest_gap(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double gap = 0;
  for (std::size_t i = 0; i < a.size(); ++i) gap = std::max(gap, std::abs(a[i] - b[i]));
  return gap;
}

std::vector<std::string> fixtures(bool classifiers) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(test::fixture("model"))) {
    const std::string name = entry.path().filename().string();
    if (std::filesystem::exists(entry.path() / "expected.json") && name.ends_with("_classifier") == classifiers) {
      names.push_back(name);
    }
  }
  return names;
}

}  // namespace

TEST_CASE("log-probabilities of every family and option agree with transformers") {
  const torch::NoGradGuard no_grad;
  const std::vector<std::string> names = fixtures(false);
  REQUIRE(names.size() >= 14);
  for (const std::string& name : names) {
    const std::filesystem::path folder = test::fixture("model/" + name);
    const LanguageModel model =
        load_language_model(ModelFiles::in_folder(folder), torch::kFloat32, torch::kCPU, false);
    const Expected expected = read_expected(folder);
    const TokenBatch batch = TokenBatch::pack(expected.token_ids);
    const torch::Tensor hidden = model.decoder().forward(batch);
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      INFO(name << ", sequence " << s);
      CHECK(largest_gap(logprobs_of(model, hidden, batch, s), expected.logprobs[static_cast<std::size_t>(s)]) <
            3e-5);
    }
  }
}

TEST_CASE("scores of every family's classifier agree with transformers") {
  const torch::NoGradGuard no_grad;
  for (const std::string& name : fixtures(true)) {
    const std::filesystem::path folder = test::fixture("model/" + name);
    const LoadedScalarModel loaded =
        load_scalar_model(ModelFiles::in_folder(folder), torch::kFloat32, torch::kCPU, false);
    CHECK_FALSE(loaded.fresh_head);
    const Expected expected = read_expected(folder);
    const TokenBatch batch = TokenBatch::pack(expected.token_ids);
    const torch::Tensor hidden = loaded.model.decoder().forward(batch);
    const torch::Tensor values =
        loaded.model.values(hidden.index_select(0, batch.last_token_rows())).to(torch::kFloat64);
    INFO(name);
    CHECK(largest_gap({values.data_ptr<double>(), values.data_ptr<double>() + values.size(0)}, expected.scores) <
          3e-5);
  }
}

}  // namespace rlhf
