#include "reward_model/ranking_loss.h"

#include <stdexcept>

namespace rlhf {

int64_t RankedSequences::untied_pairs() const {
  int64_t pairs = 0;
  for (size_t i = 0; i < ranks.size(); ++i)
    for (size_t j = i + 1; j < ranks.size(); ++j) pairs += ranks[i] != ranks[j];
  return pairs;
}

RankingLoss ranking_loss(const torch::Tensor& rewards, const std::vector<const RankedSequences*>& rankings) {
  RankingLoss result;
  std::vector<int64_t> winners, losers;
  std::vector<double> weights, margins;
  int64_t first = 0;
  for (const RankedSequences* ranking : rankings) {
    const int64_t pairs = ranking->untied_pairs();
    if (pairs == 0) throw std::invalid_argument("a ranking without an untied pair has no loss");
    const auto count = static_cast<int64_t>(ranking->ranks.size());
    for (int64_t w = 0; w < count; ++w) {
      for (int64_t l = 0; l < count; ++l) {
        if (ranking->ranks[static_cast<size_t>(w)] >= ranking->ranks[static_cast<size_t>(l)]) continue;
        winners.push_back(first + w);
        losers.push_back(first + l);
        weights.push_back(1.0 / static_cast<double>(pairs));
        margins.push_back(ranking->margin);
      }
    }
    first += count;
    result.pairs += pairs;
  }
  result.rankings = static_cast<int64_t>(rankings.size());

  const auto index = [&](const std::vector<int64_t>& places) {
    return torch::tensor(places, torch::kInt64).to(rewards.device());
  };
  const auto numbers = [&](const std::vector<double>& values) {
    return torch::tensor(values, torch::kFloat64).to(rewards.options());
  };
  const torch::Tensor gap = rewards.index_select(0, index(winners)) - rewards.index_select(0, index(losers));
  result.loss = -(numbers(weights) * torch::log_sigmoid(gap - numbers(margins))).sum();

  const torch::Tensor detached = gap.detach();
  result.correct = (detached > 0).sum().item<double>() + 0.5 * (detached == 0).sum().item<double>();
  result.margin_sum = detached.sum(torch::kFloat64).item<double>();
  return result;
}

}  // namespace rlhf
