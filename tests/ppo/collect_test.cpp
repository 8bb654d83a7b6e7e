#include "ppo/collect.h"

#include <mutex>

#include "contract/error.h"
#include "ppo/iteration_metrics.h"
#include "rollout/unit_runner.h"
#include "tests/ppo/thread_collective.h"
#include "tests/support/catch.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// Answers every unit with trajectories that tell where they came from.
class ScriptedSource : public RolloutSource {
 public:
  std::vector<Trajectory> collect(const std::vector<RolloutUnit>& units) override {
    std::vector<Trajectory> all;
    for (const auto& unit : units) {
      ++units_computed;
      for (size_t p = 0; p < unit.prompts.size(); ++p) {
        Trajectory t;
        t.iteration = unit.iteration;
        t.prompt_slot = unit.first_prompt_slot + static_cast<int32_t>(p);
        t.prompt_index = unit.prompts[p].index;
        t.prompt_ids = unit.prompts[p].token_ids;
        t.response_ids.assign(static_cast<size_t>(1 + t.prompt_slot % 3), 4);
        t.logprobs.assign(t.response_ids.size(), -0.1F);
        t.finish_reason = t.prompt_slot % 2 == 0 ? FinishReason::kStop : FinishReason::kLength;
        t.raw_score = 0.1 * t.prompt_slot;
        t.score = -0.3 * t.prompt_slot;
        t.score_spread = 0.7;
        t.policy_version = unit.policy_version - (t.prompt_slot == lagging_slot ? 1 : 0);
        all.push_back(t);
      }
    }
    return all;
  }
  int units_computed = 0;
  int lagging_slot = -1;
};

std::vector<RolloutUnit> five_units() {
  RolloutUnit common;
  common.iteration = 3;
  common.policy_version = 4;
  std::vector<TokenizedPrompt> prompts;
  for (int i = 0; i < 10; ++i) prompts.push_back({100 + i, {1, 5 + i}});
  return make_units(common, prompts, 2);
}

Trajectory sampled_with(int64_t version, const std::string& hash) {
  Trajectory t;
  t.policy_version = version;
  t.policy_hash = hash;
  return t;
}

Trajectory response(std::vector<TokenId> ids, FinishReason reason) {
  Trajectory t;
  t.response_ids = std::move(ids);
  t.finish_reason = reason;
  return t;
}

}  // namespace

TEST_CASE("every process gets all trajectories, whoever computed them") {
  const auto units = five_units();
  const auto single = Collective::single();
  ScriptedSource source;
  const auto expected = collect_rollouts(source, units, {4, 0, {}}, RolloutPlace::kEveryProcess, *single);
  REQUIRE(expected.trajectories.size() == 10);
  for (const auto place : {RolloutPlace::kEveryProcess, RolloutPlace::kFirstProcess}) {
    std::vector<Rollouts> found(3);
    std::vector<int> computed(3);
    run_processes(3, [&](Collective& collective) {
      ScriptedSource mine;
      const auto rank = static_cast<size_t>(collective.rank());
      found[rank] = collect_rollouts(mine, units, {4, 0, {}}, place, collective);
      computed[rank] = mine.units_computed;
    });
    for (const auto& rollouts : found) CHECK((rollouts.trajectories == expected.trajectories));
    CHECK(computed ==
          (place == RolloutPlace::kFirstProcess ? std::vector<int>{5, 0, 0} : std::vector<int>{1, 2, 2}));
  }
}

TEST_CASE("trajectories of old or foreign weights are refused") {
  const Admission admission{7, 1, {{6, "six"}, {7, "seven"}}};
  CHECK(admitted(sampled_with(7, "seven"), admission));
  CHECK(admitted(sampled_with(6, "six"), admission));
  CHECK(admitted(sampled_with(7, ""), admission));
  CHECK_FALSE(admitted(sampled_with(5, ""), admission));
  CHECK_FALSE(admitted(sampled_with(8, ""), admission));
  CHECK_FALSE(admitted(sampled_with(7, "six"), admission));

  const auto single = Collective::single();
  ScriptedSource source;
  source.lagging_slot = 5;
  const auto rollouts =
      collect_rollouts(source, five_units(), {4, 0, {}}, RolloutPlace::kEveryProcess, *single);
  CHECK(rollouts.refused == 1);
  CHECK(rollouts.trajectories.size() == 9);
  CHECK_THROWS_AS(collect_rollouts(source, five_units(), {9, 0, {}}, RolloutPlace::kEveryProcess, *single),
                  WorldError);
}

TEST_CASE("distinct n-grams leave out the end and do not cross responses") {
  const auto a = response({4, 5, 4, 5, 2}, FinishReason::kStop),
             b = response({4, 5, 6}, FinishReason::kLength);
  const TrajectoryView both{&a, &b};
  CHECK(distinct_ngrams(both, 1) == Approx(3.0 / 7));  // 4 5 6 of 4 5 4 5 4 5 6
  CHECK(distinct_ngrams(both, 2) == Approx(3.0 / 5));  // 45 54 56 of 45 54 45 45 56
  const auto end = response({2}, FinishReason::kStop);
  CHECK(distinct_ngrams({&end}, 1) == 0.0);
}

TEST_CASE("repeated words are told whatever their case and punctuation") {
  CHECK(repeated_words("Great, great and (GREAT)!") == Approx(2.0 / 4));
  CHECK(repeated_words("one two three") == 0.0);
  CHECK(repeated_words("  ") == 0.0);
}
