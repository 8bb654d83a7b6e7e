#include "rollout/unit_runner.h"

#include <algorithm>

#include <torch/utils.h>

#include "rollout/generator.h"

namespace rlhf {
namespace {

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(torch::get_num_threads()) { set(threads); }
  ~ThreadCount() { set(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  static void set(int threads) {
    if (threads > 0 && threads != torch::get_num_threads()) torch::set_num_threads(threads);
  }
  int before_;
};

}  // namespace

ModelUnitRunner::ModelUnitRunner(LanguageModel policy, std::vector<TokenId> eos_token_ids,
                                 RewardScorer& scorer)
    : policy_(std::move(policy)), eos_token_ids_(std::move(eos_token_ids)), scorer_(scorer) {
  policy_.pack_for_decoding();
}

std::vector<Trajectory> ModelUnitRunner::run(const RolloutUnit& unit) {
  const ThreadCount threads(unit.generation_threads);
  GeneratorOptions options;
  options.sampling = unit.sampling;
  options.eos_token_ids = eos_token_ids_;
  options.seed = unit.seed;
  options.iteration = unit.iteration;
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < unit.prompts.size(); ++i)
    requests.push_back({unit.prompts[i].token_ids, unit.first_prompt_slot + static_cast<int64_t>(i),
                        unit.samples_per_prompt});
  std::vector<GeneratedResponse> responses = generate(policy_, requests, options);

  std::vector<Trajectory> trajectories;
  std::vector<ScoreInput> inputs;
  for (size_t i = 0; i < responses.size(); ++i) {
    const size_t prompt = i / static_cast<size_t>(unit.samples_per_prompt);
    Trajectory t;
    t.iteration = unit.iteration;
    t.prompt_slot = unit.first_prompt_slot + static_cast<int32_t>(prompt);
    t.sample_index = static_cast<int32_t>(i % static_cast<size_t>(unit.samples_per_prompt));
    t.prompt_index = unit.prompts[prompt].index;
    t.prompt_ids = unit.prompts[prompt].token_ids;
    t.response_ids = std::move(responses[i].token_ids);
    t.logprobs = std::move(responses[i].logprobs);
    t.finish_reason = responses[i].finish_reason;
    t.policy_version = unit.policy_version;
    t.policy_hash = unit.policy_hash;
    inputs.push_back({t.prompt_ids, t.response_ids});
    trajectories.push_back(std::move(t));
  }
  const std::vector<Score> scores = scorer_.score(inputs);
  for (size_t i = 0; i < trajectories.size(); ++i) {
    trajectories[i].raw_score = scores[i].raw;
    trajectories[i].score = scores[i].mean;
    trajectories[i].score_spread = scores[i].spread;
  }
  return trajectories;
}

LivePolicyRunner::LivePolicyRunner(const LanguageModel& policy, torch::ScalarType dtype,
                                   std::vector<TokenId> eos_token_ids, RewardScorer& scorer)
    : policy_(policy), dtype_(dtype), eos_token_ids_(std::move(eos_token_ids)), scorer_(scorer) {}

std::vector<Trajectory> LivePolicyRunner::run(const RolloutUnit& unit) {
  if (!frozen_ || frozen_version_ != unit.policy_version) {
    frozen_.emplace(policy_.freeze(dtype_), eos_token_ids_, scorer_);
    frozen_version_ = unit.policy_version;
  }
  return frozen_->run(unit);
}

std::vector<Trajectory> LocalRolloutSource::collect(const std::vector<RolloutUnit>& units) {
  std::vector<Trajectory> all;
  for (const RolloutUnit& unit : units) {
    std::vector<Trajectory> part = runner_.run(unit);
    std::move(part.begin(), part.end(), std::back_inserter(all));
  }
  runner_.release();
  return all;
}

std::vector<RolloutUnit> make_units(const RolloutUnit& common, const std::vector<TokenizedPrompt>& prompts,
                                    int64_t unit_size) {
  std::vector<RolloutUnit> units;
  for (size_t begin = 0; begin < prompts.size(); begin += static_cast<size_t>(unit_size)) {
    const size_t end = std::min(begin + static_cast<size_t>(unit_size), prompts.size());
    RolloutUnit unit = common;
    unit.unit_index = static_cast<int32_t>(units.size());
    unit.first_prompt_slot = static_cast<int32_t>(begin);
    unit.prompts.assign(prompts.begin() + static_cast<std::ptrdiff_t>(begin),
                        prompts.begin() + static_cast<std::ptrdiff_t>(end));
    units.push_back(std::move(unit));
  }
  return units;
}

}  // namespace rlhf
