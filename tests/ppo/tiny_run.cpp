#include "tests/ppo/tiny_run.h"

#include <algorithm>
#include <stdexcept>

#include "contract/error.h"

namespace rlhf::test {
namespace {

constexpr TokenId kEos = 2;
constexpr TokenId kWanted = 5;

ModelConfig config() {
  return ModelConfig::parse(
      R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 12, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
    "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
    "tie_word_embeddings": false, "initializer_range": 0.3, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0})",
      "tiny config");
}

LanguageModel trainable(const LanguageModel& model) {
  auto copy = model;
  copy.require_grad(true);
  return copy;
}

LanguageModel fresh_policy(torch::ScalarType dtype) {
  return LanguageModel::initialise(config(), 7).freeze(dtype);
}

ScalarModel fresh_critic(torch::ScalarType dtype) {
  auto model = ScalarModel::with_fresh_head(Decoder::initialise(config(), 8), 9).freeze(dtype);
  model.require_grad(true);
  return model;
}

std::vector<TokenizedPrompt> prompts() {
  return {{0, {1, 3, 4}}, {1, {1, 6}}, {2, {1, 7, 8, 9}}, {3, {1, 10}}};
}

std::string spell(const std::vector<TokenId>& ids) {
  std::string text;
  for (TokenId id : ids) text += "w" + std::to_string(id) + " ";
  return text;
}

}  // namespace

std::vector<Score> TokenShareScorer::score(const std::vector<ScoreInput>& inputs) {
  std::vector<Score> scores;
  for (const auto& input : inputs) {
    const auto hits = std::count(input.response_ids.begin(), input.response_ids.end(), wanted_);
    const double share = static_cast<double>(hits) / static_cast<double>(input.response_ids.size());
    scores.push_back({share, 4 * share - 1, 0});
  }
  return scores;
}

void MemoryTrajectorySink::append(int64_t step, const std::vector<TrajectoryRecord>& records) {
  if (disk_is_full) throw WorldError("the disk is full");
  for (const auto& record : records) kept.emplace_back(step, record);
}

void MemoryTrajectorySink::truncate_after(int64_t step) {
  std::erase_if(kept, [step](const auto& entry) { return entry.first > step; });
}

PpoOptions TinyRun::options() {
  PpoOptions o;
  o.rollout_batch_size = 4;
  o.samples_per_prompt = 2;
  o.response_length = 6;
  o.rollout_unit_size = 1;
  o.rewards.missing_eos_score = -1;
  o.kl = {0.05, 1.0, 200};
  o.num_ppo_epochs = 2;
  o.num_mini_batches = 2;
  o.training.per_device_train_batch_size = 3;
  o.training.max_steps = 4;
  o.training.learning_rate = 3e-3;
  o.training.lr_scheduler_type = "constant";
  o.training.logging_steps = 1;
  return o;
}

TinyRun::TinyRun(const PpoOptions& options, torch::ScalarType dtype, Collective& collective)
    : policy_(trainable(fresh_policy(dtype))),
      reference_(fresh_policy(dtype)),
      critic_(fresh_critic(dtype)),
      scorer_(kWanted),
      runner_(policy_, dtype, {kEos}, scorer_),
      rollouts_(runner_) {
  const PpoNetworks networks{policy_, reference_, critic_, {0.2, 1.5}};
  const PpoSurroundings around{.rollouts = rollouts_,
                               .evaluation_rollouts = rollouts_,
                               .collective = collective,
                               .publish = {},
                               .trajectories = &records_,
                               .decode = spell};
  trainer_ = std::make_unique<PpoTrainer>(networks, prompts(), prompts(), options, around);
}

torch::Tensor TinyRun::weights() const {
  std::vector<torch::Tensor> flat;
  for (const auto& list : {policy_.parameters(), critic_.parameters()}) {
    for (const auto& parameter : list) flat.push_back(parameter.tensor.detach().flatten().clone());
  }
  return torch::cat(flat);
}

double value_of(const Metrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  throw std::runtime_error("no metric " + name);
}

}  // namespace rlhf::test
