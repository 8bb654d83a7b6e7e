#include "reward_model/reward_trainer.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <torch/utils.h>

#include "reward_model/ranking_loss.h"
#include "train/dropout_keys.h"
#include "train/learning_rate_schedule.h"
#include "train/micro_batches.h"

namespace rlhf {
namespace {

AdamWOptions adamw(const TrainingOptions& o) {
  return {o.adam_beta1,   o.adam_beta2,    o.adam_epsilon,
          o.weight_decay, o.max_grad_norm, o.embedding_learning_rate_scale};
}

int64_t global_batch_size(const TrainingOptions& options, const Collective& collective) {
  return options.per_device_train_batch_size * options.gradient_accumulation_steps * collective.world_size();
}

TokenBatch pack(const std::vector<const RankedSequences*>& rankings, torch::Device device) {
  std::vector<std::vector<TokenId>> sequences;
  for (const RankedSequences* ranking : rankings)
    sequences.insert(sequences.end(), ranking->sequences.begin(), ranking->sequences.end());
  return TokenBatch::pack(sequences, device);
}

// Rewards at the last token of every sequence, [M].
torch::Tensor rewards_of(const ScalarModel& model, const TokenBatch& batch, const Dropout& dropout = {}) {
  return model.values(model.decoder().forward(batch, dropout).index_select(0, batch.last_token_rows()));
}

std::vector<const RankedSequences*> pick(const std::vector<RankedSequences>& rankings,
                                         const std::vector<int64_t>& indices, Share share) {
  std::vector<const RankedSequences*> picked;
  for (int64_t i = share.begin; i < share.end; ++i)
    picked.push_back(&rankings[static_cast<size_t>(indices[static_cast<size_t>(i)])]);
  return picked;
}

std::vector<int64_t> tokens_of(const std::vector<RankedSequences>& rankings) {
  std::vector<int64_t> tokens;
  for (const RankedSequences& ranking : rankings) {
    tokens.push_back(0);
    for (const std::vector<TokenId>& sequence : ranking.sequences)
      tokens.back() += static_cast<int64_t>(sequence.size());
  }
  return tokens;
}

}  // namespace

MemoryPlan plan_reward_training(const ModelConfig& config, const PassOptions& pass,
                                const std::vector<RankedSequences>& train,
                                const std::vector<RankedSequences>& eval, const TrainingOptions& options,
                                int64_t micro_batch_size) {
  return plan_training(
      {"model", config, pass, /*scalar_head=*/true}, {most_tokens(tokens_of(train), micro_batch_size), 0},
      most_tokens(tokens_of(eval),
                  std::min(options.per_device_eval_batch_size, static_cast<int64_t>(eval.size()))));
}

RankingEvaluation evaluate_rankings(const ScalarModel& model, const std::vector<RankedSequences>& rankings,
                                    int64_t batch_size) {
  torch::NoGradGuard no_grad;
  RankingEvaluation result;
  result.min_reward = std::numeric_limits<double>::infinity();
  result.max_reward = -result.min_reward;
  std::vector<int64_t> indices(rankings.size());
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  double correct = 0;
  int64_t responses = 0;
  for (const Share& part : micro_batches({0, static_cast<int64_t>(rankings.size())}, batch_size)) {
    const auto picked = pick(rankings, indices, part);
    const torch::Tensor rewards = rewards_of(model, pack(picked, model.decoder().device()));
    const RankingLoss loss = ranking_loss(rewards, picked);
    result.loss += loss.loss.item<double>();
    result.pairs += loss.pairs;
    correct += loss.correct;
    result.margin += loss.margin_sum;
    result.min_reward = std::min(result.min_reward, rewards.min().item<double>());
    result.max_reward = std::max(result.max_reward, rewards.max().item<double>());
    result.mean_reward += rewards.sum(torch::kFloat64).item<double>();
    responses += rewards.size(0);
  }
  result.loss /= static_cast<double>(rankings.size());
  result.accuracy = correct / static_cast<double>(result.pairs);
  result.margin /= static_cast<double>(result.pairs);
  result.mean_reward /= static_cast<double>(responses);
  return result;
}

RewardTrainer::RewardTrainer(ScalarModel& model, std::vector<RankedSequences> train,
                             std::vector<RankedSequences> eval, const TrainingOptions& options,
                             Collective& collective)
    : model_(model),
      train_(std::move(train)),
      eval_(std::move(eval)),
      options_(options),
      collective_(collective),
      order_(options.seed, static_cast<int64_t>(train_.size())),
      optimizer_(model.parameters(), adamw(options), collective) {}

int64_t RewardTrainer::total_steps() const {
  return rlhf::total_steps(options_.max_steps, options_.num_train_epochs, static_cast<int64_t>(train_.size()),
                           global_batch_size(options_, collective_));
}

StepReport RewardTrainer::step(int64_t step) {
  const auto started = std::chrono::steady_clock::now();
  const int64_t size = global_batch_size(options_, collective_);
  const std::vector<int64_t> indices = order_.draw(step * size, size);
  const Share share = share_of(size, collective_.rank(), collective_.world_size());
  int64_t sequences_before = 0;
  for (const RankedSequences* ranking : pick(train_, indices, {0, share.begin}))
    sequences_before += static_cast<int64_t>(ranking->sequences.size());

  std::vector<double> sums(6, 0.0);  // loss, pairs, correct, margin, reward, responses
  double min_reward = std::numeric_limits<double>::infinity(), max_reward = -min_reward, tokens = 0;
  for (const Share& part : micro_batches(share, options_.samples_a_pass())) {
    const auto picked = pick(train_, indices, part);
    const TokenBatch batch = pack(picked, model_.decoder().device());
    const Dropout dropout = training_dropout(options_, step, sequences_before, batch.sequences());
    sequences_before += batch.sequences();
    const torch::Tensor rewards = rewards_of(model_, batch, dropout);
    const RankingLoss loss = ranking_loss(rewards, picked);
    (loss.loss / static_cast<double>(size)).backward();
    const torch::Tensor seen = rewards.detach();
    sums[0] += loss.loss.item<double>();
    sums[1] += static_cast<double>(loss.pairs);
    sums[2] += loss.correct;
    sums[3] += loss.margin_sum;
    sums[4] += seen.sum(torch::kFloat64).item<double>();
    sums[5] += static_cast<double>(seen.size(0));
    min_reward = std::min(min_reward, seen.min().item<double>());
    max_reward = std::max(max_reward, seen.max().item<double>());
    tokens += static_cast<double>(batch.tokens());
  }
  // Extremes of all processes: each puts its own in its slot of a sum.
  std::vector<double> extremes(static_cast<size_t>(3 * collective_.world_size()), 0.0);
  const auto slot = static_cast<size_t>(3 * collective_.rank());
  extremes[slot] = min_reward;
  extremes[slot + 1] = max_reward;
  extremes[slot + 2] = tokens;
  sums.insert(sums.end(), extremes.begin(), extremes.end());
  collective_.all_reduce_sum(sums);
  tokens = 0;
  for (size_t i = 6; i < sums.size(); i += 3) {
    min_reward = std::min(min_reward, sums[i]);
    max_reward = std::max(max_reward, sums[i + 1]);
    tokens += sums[i + 2];
  }

  const LearningRateSchedule schedule{options_.lr_scheduler_type, options_.learning_rate,
                                      options_.warmup_steps, options_.min_lr_rate, total_steps()};
  const double learning_rate = schedule.rate(step);
  const OptimizerStep::Result result = optimizer_.step(learning_rate);
  num_tokens_ += static_cast<int64_t>(tokens);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  return {.averaged = {{"loss", sums[0] / static_cast<double>(size)},
                       {"accuracy", sums[2] / sums[1]},
                       {"margin", sums[3] / sums[1]},
                       {"min_reward", min_reward},
                       {"mean_reward", sums[4] / sums[5]},
                       {"max_reward", max_reward},
                       {"grad_norm", result.grad_norm},
                       {"tokens_per_second", tokens / elapsed.count()}},
          .latest = {{"learning_rate", learning_rate},
                     {"num_tokens", static_cast<double>(num_tokens_)},
                     {"skipped_steps", static_cast<double>(optimizer_.non_finite_total())}}};
}

Metrics RewardTrainer::evaluate() const {
  const RankingEvaluation e = evaluate_rankings(model_, eval_, options_.per_device_eval_batch_size);
  return {{"loss", e.loss},
          {"accuracy", e.accuracy},
          {"margin", e.margin},
          {"min_reward", e.min_reward},
          {"mean_reward", e.mean_reward},
          {"max_reward", e.max_reward}};
}

void RewardTrainer::resume(const std::filesystem::path& checkpoint, const TrainerState& state) {
  optimizer_.load_state(SafetensorsFile::open(checkpoint / "optimizer.safetensors"));
  num_tokens_ = state.stage.value("num_tokens", int64_t{0});
}

void RewardTrainer::train(TrainerState& state, const TrainingSurroundings& surroundings,
                          const std::function<void(const std::filesystem::path&)>& save_model) {
  state.max_steps = total_steps();
  state.micro_batch_size = options_.samples_a_pass();
  const int64_t size = global_batch_size(options_, collective_);
  TrainingSteps steps;
  steps.step = [&](int64_t index) {
    StepReport report = step(index);
    state.stage["num_tokens"] = num_tokens_;
    return report;
  };
  if (!eval_.empty()) steps.evaluate = [this] { return evaluate(); };
  steps.save = [&](const std::filesystem::path& folder) {
    save_model(folder);
    write_safetensors(folder / "optimizer.safetensors", optimizer_.state());
  };
  steps.epoch = [&](int64_t done) { return order_.epoch_at(done * size); };
  run_training_loop(state, {options_.logging_steps, options_.eval_steps, options_.save_steps}, steps,
                    surroundings);
}

}  // namespace rlhf
