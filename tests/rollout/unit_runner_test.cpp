#include "rollout/unit_runner.h"

#include <torch/utils.h>

#include "tests/model/tensor_memory.h"
#include "tests/support/catch.h"
#include "tests/train/tiny_models.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// Scores by lengths, and keeps what it was asked.
class LengthScorer : public RewardScorer {
 public:
  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override {
    std::vector<Score> scores;
    for (const ScoreInput& input : inputs) {
      asked.push_back(input);
      const auto length = static_cast<double>(input.response_ids.size());
      scores.push_back({length, 10 * length + static_cast<double>(input.prompt_ids.size()), 0.5});
    }
    return scores;
  }
  std::vector<ScoreInput> asked;
};

RolloutUnit common() {
  RolloutUnit unit;
  unit.iteration = 4;
  unit.samples_per_prompt = 2;
  unit.sampling.max_new_tokens = 6;
  unit.seed = 21;
  unit.policy_version = 3;
  unit.policy_hash = "abc";
  return unit;
}

std::vector<TokenizedPrompt> prompts() {
  return {{70, {1, 3, 4}}, {71, {1, 6}}, {72, {1, 7, 8, 9}}, {73, {1, 10}}, {74, {1, 5, 5}}};
}

LanguageModel policy() {
  return tiny_language_model(torch::kFloat32);
}

}  // namespace

TEST_CASE("whoever computes a unit, the trajectories have the same bits") {
  LengthScorer scorer;
  const LanguageModel live = policy();
  ModelUnitRunner one(live.freeze(torch::kFloat32), {kEos}, scorer),
      other(live.freeze(torch::kFloat32), {kEos}, scorer);
  LivePolicyRunner learner(live, torch::kFloat32, {kEos}, scorer);
  for (const int threads : {1, 2}) {
    RolloutUnit unit = make_units(common(), prompts(), 5).front();
    unit.generation_threads = threads;
    const int before = torch::get_num_threads();
    const auto trajectories = one.run(unit);
    CHECK(torch::get_num_threads() == before);
    CHECK(trajectories.size() == 10);
    CHECK((other.run(unit) == trajectories));
    CHECK((one.run(unit) == trajectories));
    CHECK((learner.run(unit) == trajectories));
  }
}

TEST_CASE("units of any size, collected, hold the same texts in the order of slots and samples") {
  LengthScorer scorer;
  const LanguageModel live = policy();
  LivePolicyRunner runner(live, torch::kFloat32, {kEos}, scorer);
  LocalRolloutSource source(runner);
  const auto whole = source.collect(make_units(common(), prompts(), 5));
  for (const int64_t size : {1, 2, 3, 100}) {
    const auto units = make_units(common(), prompts(), size);
    CHECK(units.size() == static_cast<size_t>((5 + size - 1) / size));
    for (size_t i = 0; i < units.size(); ++i) CHECK(units[i].unit_index == static_cast<int32_t>(i));
    const auto parts = source.collect(units);
    REQUIRE(parts.size() == whole.size());
    for (size_t i = 0; i < whole.size(); ++i) {
      CHECK(parts[i].response_ids == whole[i].response_ids);
      CHECK(parts[i].prompt_slot == static_cast<int32_t>(i / 2));
      CHECK(parts[i].sample_index == static_cast<int32_t>(i % 2));
    }
  }
}

TEST_CASE("a trajectory says what was asked, what was sampled, by which weights, and its score") {
  LengthScorer scorer;
  ModelUnitRunner runner(policy().freeze(torch::kFloat32), {kEos}, scorer);
  const RolloutUnit unit = make_units(common(), prompts(), 2)[1];
  const auto trajectories = runner.run(unit);
  REQUIRE(trajectories.size() == 4);
  REQUIRE(scorer.asked.size() == 4);
  for (size_t i = 0; i < 4; ++i) {
    const Trajectory& t = trajectories[i];
    const TokenizedPrompt prompt = prompts()[2 + i / 2];
    CHECK(t.iteration == 4);
    CHECK(t.prompt_index == prompt.index);
    CHECK(t.prompt_ids == prompt.token_ids);
    CHECK(t.logprobs.size() == t.response_ids.size());
    CHECK((t.finish_reason == FinishReason::kStop) == (t.response_ids.back() == kEos));
    CHECK(t.policy_version == 3);
    CHECK(t.policy_hash == "abc");
    CHECK(scorer.asked[i].prompt_ids == t.prompt_ids);
    CHECK(scorer.asked[i].response_ids == t.response_ids);
    const auto length = static_cast<double>(t.response_ids.size());
    CHECK(t.raw_score == length);
    CHECK(t.score == 10 * length + static_cast<double>(prompt.token_ids.size()));
    CHECK(t.score_spread == 0.5);
  }
}

TEST_CASE("the learner's runner samples with the weights of the version it is asked for") {
  LengthScorer scorer;
  const LanguageModel live = policy();
  LivePolicyRunner runner(live, torch::kFloat32, {kEos}, scorer);
  RolloutUnit unit = make_units(common(), prompts(), 5).front();
  const auto before = runner.run(unit);
  {
    const torch::NoGradGuard no_grad;
    for (const NamedTensor& parameter : live.parameters()) torch::Tensor(parameter.tensor).mul_(0.2);
  }
  CHECK((runner.run(unit) == before));  // still the version that was frozen
  unit.policy_version = 4;
  CHECK(runner.run(unit).front().logprobs != before.front().logprobs);
}

TEST_CASE("what a collection needs of memory is given back when it is done") {
  LengthScorer scorer;
  const LanguageModel live = policy();
  LivePolicyRunner runner(live, torch::kFloat32, {kEos}, scorer);
  LocalRolloutSource source(runner);
  const auto first = source.collect(make_units(common(), prompts(), 2));
  const test::TensorMemory memory;
  CHECK((source.collect(make_units(common(), prompts(), 2)) == first));
  CHECK(memory.live_bytes() == 0);
  CHECK(memory.peak_bytes() > 0);
}
