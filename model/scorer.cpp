#include "model/scorer.h"

#include <algorithm>
#include <numeric>

#include <torch/utils.h>

namespace rlhf {

ModelScorer::ModelScorer(ScalarModel model, RewardNormalizer normalizer, int64_t max_batch_tokens)
    : model_(std::move(model)), normalizer_(normalizer), max_batch_tokens_(max_batch_tokens) {}

std::vector<Score> ModelScorer::score(const std::vector<ScoreInput>& inputs) {
  const torch::NoGradGuard no_grad;
  std::vector<std::vector<TokenId>> sequences;
  for (const ScoreInput& input : inputs) {
    sequences.push_back(input.prompt_ids);
    sequences.back().insert(sequences.back().end(), input.response_ids.begin(), input.response_ids.end());
  }
  // Neighbours of one length need no padding.
  std::vector<std::size_t> order(inputs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return sequences[a].size() < sequences[b].size(); });

  std::vector<Score> scores(inputs.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::vector<std::vector<TokenId>> batch;
    int64_t tokens = 0;
    std::size_t end = begin;
    for (; end < order.size(); ++end) {
      const std::vector<TokenId>& next = sequences[order[end]];
      tokens += static_cast<int64_t>(next.size());
      if (!batch.empty() && tokens > max_batch_tokens_) break;
      batch.push_back(next);
    }
    const TokenBatch packed = TokenBatch::pack(batch, model_.decoder().device());
    const torch::Tensor last = model_.decoder().forward_rows(packed, packed.last_token_rows());
    const torch::Tensor raw = model_.values(last).to(torch::kCPU, torch::kFloat64);
    for (std::size_t i = begin; i < end; ++i) {
      const double value = raw.data_ptr<double>()[i - begin];
      scores[order[i]] = {value, (value - normalizer_.mean) / normalizer_.std, 0.0};
    }
    begin = end;
  }
  return scores;
}

}  // namespace rlhf
