#include "model/scorer.h"

#include "tests/model/fixtures.h"

namespace rlhf {

TEST_CASE("a score is the normalised scalar at the last token, whatever else is in the batch") {
  const test::Expected expected = test::read_expected("qwen3_classifier");
  std::vector<ScoreInput> inputs;
  for (const std::vector<TokenId>& ids : expected.token_ids) {
    const auto cut = ids.begin() + static_cast<std::ptrdiff_t>(ids.size()) / 2;
    inputs.push_back({{ids.begin(), cut}, {cut, ids.end()}});
  }
  LoadedScalarModel loaded =
      load_scalar_model(test::model_fixture("qwen3_classifier"), torch::kFloat32, torch::kCPU, false);
  for (const int64_t max_batch_tokens : {int64_t{1}, int64_t{45}, int64_t{8192}}) {
    ModelScorer scorer(loaded.model, {0.5, 4.0}, max_batch_tokens);
    const std::vector<Score> scores = scorer.score(inputs);
    REQUIRE(scores.size() == inputs.size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      CHECK(scores[i].raw == Approx(expected.scores[i]).margin(3e-5));
      CHECK(scores[i].mean == Approx((expected.scores[i] - 0.5) / 4.0).margin(1e-5));
      CHECK(scores[i].spread == 0);
    }
  }
  CHECK(ModelScorer(loaded.model, {}).score({}).empty());
}

}  // namespace rlhf
