#include "reward_model/reward_trainer.h"

#include <algorithm>
#include <limits>

#include <torch/utils.h>

#include "reward_model/ranking_loss.h"
#include "train/dropout_keys.h"
#include "train/micro_batches.h"

namespace rlhf {
namespace {

TokenBatch pack(const std::vector<const RankedSequences*>& rankings, torch::Device device) {
  std::vector<std::vector<TokenId>> sequences;
  for (const RankedSequences* ranking : rankings)
    sequences.insert(sequences.end(), ranking->sequences.begin(), ranking->sequences.end());
  return TokenBatch::pack(sequences, device);
}

// Rewards at the last token of every sequence, [M].
torch::Tensor rewards_of(const ScalarModel& model, const TokenBatch& batch, const Dropout& dropout = {}) {
  return model.values(model.decoder().forward_rows(batch, batch.last_token_rows(), dropout));
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
    : SampleTrainer(model.parameters(), static_cast<int64_t>(train.size()), options, collective),
      model_(model),
      train_(std::move(train)),
      eval_(std::move(eval)) {}

SampleTrainer::Pass RewardTrainer::accumulate_gradients(int64_t step, const std::vector<int64_t>& indices) {
  const auto size = static_cast<int64_t>(indices.size());
  const Share share = share_of(size, collective().rank(), collective().world_size());
  int64_t sequences_before = 0;
  for (const RankedSequences* ranking : pick(train_, indices, {0, share.begin}))
    sequences_before += static_cast<int64_t>(ranking->sequences.size());

  std::vector<double> sums(6, 0.0);  // loss, pairs, correct, margin, reward, responses
  double min_reward = std::numeric_limits<double>::infinity(), max_reward = -min_reward, tokens = 0;
  for (const Share& part : micro_batches(share, options().samples_a_pass())) {
    const auto picked = pick(train_, indices, part);
    const TokenBatch batch = pack(picked, model_.decoder().device());
    const Dropout dropout = training_dropout(options(), step, sequences_before, batch.sequences());
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
  std::vector<double> extremes(static_cast<size_t>(3 * collective().world_size()), 0.0);
  const auto slot = static_cast<size_t>(3 * collective().rank());
  extremes[slot] = min_reward;
  extremes[slot + 1] = max_reward;
  extremes[slot + 2] = tokens;
  sums.insert(sums.end(), extremes.begin(), extremes.end());
  collective().all_reduce_sum(sums);
  tokens = 0;
  for (size_t i = 6; i < sums.size(); i += 3) {
    min_reward = std::min(min_reward, sums[i]);
    max_reward = std::max(max_reward, sums[i + 1]);
    tokens += sums[i + 2];
  }

  return {{{"loss", sums[0] / static_cast<double>(size)},
           {"accuracy", sums[2] / sums[1]},
           {"margin", sums[3] / sums[1]},
           {"min_reward", min_reward},
           {"mean_reward", sums[4] / sums[5]},
           {"max_reward", max_reward}},
          tokens};
}

Metrics RewardTrainer::evaluate() const {
  const RankingEvaluation e = evaluate_rankings(model_, eval_, options().per_device_eval_batch_size);
  return {{"loss", e.loss},
          {"accuracy", e.accuracy},
          {"margin", e.margin},
          {"min_reward", e.min_reward},
          {"mean_reward", e.mean_reward},
          {"max_reward", e.max_reward}};
}

}  // namespace rlhf
