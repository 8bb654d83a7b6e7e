#include "tests/rpc/fakes.h"

#include <memory>

#include "contract/sha256.h"

namespace rlhf::test {

CheckpointBytes make_checkpoint(const std::map<std::string, std::string>& files) {
  CheckpointBytes checkpoint;
  for (const auto& [name, bytes] : files) {
    checkpoint.manifest.files.push_back({name, bytes.size(), sha256_hex(bytes)});
    checkpoint.files.push_back({name, std::make_shared<const std::string>(bytes)});
  }
  checkpoint.manifest.model_hash = model_hash(checkpoint.manifest.files);
  checkpoint.manifest.tokenizer_hash = sha256_hex("tokenizer");
  checkpoint.manifest.stage = "ppo";
  checkpoint.manifest.step = 12;
  checkpoint.manifest.parents = {sha256_hex("parent")};
  return checkpoint;
}

CheckpointBytes make_policy(int number) {
  std::string weights(700'000, '\0');
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<char>((i * 31 + static_cast<std::size_t>(number) * 7 + i / 255) & 0xff);
  return make_checkpoint(
      {{"config.json", "{}"}, {"model.safetensors", weights}, {"tokenizer.json", "{\"model\":{}}"}});
}

CheckpointBytes make_reward_model() {
  return make_checkpoint({{"config.json", "{}"}, {"model.safetensors", "reward"}});
}

std::vector<RolloutUnit> make_units(int count, int64_t iteration, int64_t version,
                                    const CheckpointBytes& policy) {
  std::vector<RolloutUnit> units;
  for (int i = 0; i < count; ++i) {
    RolloutUnit unit;
    unit.iteration = iteration;
    unit.unit_index = i;
    unit.first_prompt_slot = 2 * i;
    unit.prompts = {{100 + i, {1, 2, 3 + i}}, {200 + i, {7}}};
    unit.samples_per_prompt = 2;
    unit.sampling.max_new_tokens = 6;
    unit.seed = 11;
    unit.policy_version = version;
    unit.policy_hash = policy.manifest.model_hash;
    unit.reward_models = {{"reward", make_reward_model().manifest.model_hash}};
    units.push_back(unit);
  }
  return units;
}

std::vector<Trajectory> FakeRunner::run(const RolloutUnit& unit) {
  std::vector<Trajectory> result;
  for (std::size_t p = 0; p < unit.prompts.size(); ++p)
    for (int32_t s = 0; s < unit.samples_per_prompt; ++s) {
      Trajectory t;
      t.iteration = unit.iteration;
      t.prompt_slot = unit.first_prompt_slot + static_cast<int32_t>(p);
      t.sample_index = s;
      t.prompt_index = unit.prompts[p].index;
      t.prompt_ids = unit.prompts[p].token_ids;
      const std::string key = std::to_string(unit.seed) + " " + std::to_string(unit.iteration) + " " +
                              std::to_string(t.prompt_slot) + " " + std::to_string(s) + " " + policy_hash_ +
                              reward_hash_;
      const std::string digits = sha256_hex(key);
      const auto length =
          1 + static_cast<std::size_t>(digits[0]) % static_cast<std::size_t>(unit.sampling.max_new_tokens);
      for (std::size_t i = 0; i < length; ++i) {
        t.response_ids.push_back(digits[i]);
        t.logprobs.push_back(-static_cast<float>(digits[i + 6]) / 97.0f);
      }
      t.finish_reason = length % 2 ? FinishReason::kStop : FinishReason::kLength;
      t.raw_score = static_cast<double>(digits[20]) / 7.0;
      t.score = t.raw_score - 3.0;
      t.score_spread = static_cast<double>(digits[21]) / 11.0;
      t.policy_version = unit.policy_version;
      t.policy_hash = unit.policy_hash;
      result.push_back(std::move(t));
    }
  return result;
}

MakeRunner fake_runners() {
  return [](const RunnerModels& models, const RolloutUnit&) {
    std::string rewards;
    for (const auto& model : models.reward_models) rewards += model->manifest.model_hash;
    return std::make_unique<FakeRunner>(models.policy->manifest.model_hash, rewards);
  };
}

std::vector<Trajectory> expected(const std::vector<RolloutUnit>& units) {
  std::vector<Trajectory> all;
  for (const RolloutUnit& unit : units) {
    std::string rewards;
    for (const ServedRewardModel& model : unit.reward_models) rewards += model.hash;
    for (Trajectory& trajectory : FakeRunner(unit.policy_hash, rewards).run(unit))
      all.push_back(std::move(trajectory));
  }
  return all;
}

Learner::Learner(BrokerOptions options)
    : broker(std::move(options)), server(parse_listen_address("127.0.0.1:0"), {&store, &broker, nullptr}) {
  store.publish(kPolicyModel, policy);
  store.publish("reward", make_reward_model());
}

WorkerOptions Learner::worker(const std::string& name) const {
  WorkerOptions options;
  options.learner = server.address();
  options.name = name;
  options.redial = std::chrono::milliseconds(500);
  return options;
}

}  // namespace rlhf::test
