#include "ppo/update.h"

#include <algorithm>

#include "train/micro_batches.h"
#include "train/sample_order.h"

namespace rlhf {
namespace {

constexpr uint64_t kMinibatchStream = 0x70706f;  // keeps these draws apart from those of the prompts

struct MinibatchStatistics {
  PolicyStatistics policy;
  ValueStatistics value;
};

/// What every minibatch of an iteration reads.
struct IterationData {
  const PpoNetworks& networks;
  const TrajectoryView& trajectories;
  const Experience& experience;
  const Advantages& advantages;
  const Convention& convention;
  const UpdateOptions& options;
};

torch::Tensor pick(const torch::Tensor& packed, const Segments& segments,
                   const std::vector<int64_t>& chosen) {
  return packed.index_select(0, segments.rows(chosen, packed.device()));
}

/// Forward and backward of the chosen responses; losses are divided by the counts of the whole minibatch.
MinibatchStatistics accumulate(const IterationData& data, const std::vector<int64_t>& chosen,
                               const Segments& minibatch, const Segments& minibatch_slots) {
  const auto& [tokens, slots] =
      std::pair<const Segments&, const Segments&>(data.experience.tokens, data.experience.value_slots);
  TrajectoryView view;
  for (int64_t s : chosen) {
    view.push_back(data.trajectories[static_cast<size_t>(s)]);
  }
  const auto now =
      response_logprobs(data.networks.policy, view, data.options.temperature, /*statistics=*/true);
  const auto policy = policy_loss({now.logprobs, now.entropy, pick(data.experience.logprobs, tokens, chosen),
                                   pick(data.advantages.whitened, tokens, chosen)},
                                  data.convention, static_cast<double>(minibatch.total()));
  policy.loss.backward();
  const auto values =
      response_values(data.networks.critic, data.networks.normalizer, view, slots.select(chosen));
  const auto value = value_loss(
      {values, pick(data.experience.values, slots, chosen), pick(data.advantages.returns, slots, chosen)},
      data.convention, static_cast<double>(minibatch_slots.total()));
  value.loss.backward();
  return {policy.statistics, value.statistics};
}

MinibatchStatistics sum_over_processes(MinibatchStatistics mine, Collective& collective) {
  auto policy = mine.policy.sums();
  auto value = mine.value.sums();
  collective.all_reduce_sum(policy);
  collective.all_reduce_sum(value);
  mine.policy.set_sums(policy);
  mine.value.set_sums(value);
  std::vector<double> gaps(static_cast<size_t>(collective.world_size()), 0.0);
  gaps[static_cast<size_t>(collective.rank())] = mine.policy.ratio_gap;
  collective.all_reduce_sum(gaps);
  mine.policy.ratio_gap = *std::max_element(gaps.begin(), gaps.end());
  return mine;
}

MinibatchStatistics run_minibatch(const IterationData& data, const std::vector<int64_t>& chosen,
                                  Collective& collective) {
  const Segments tokens = data.experience.tokens.select(chosen),
                 slots = data.experience.value_slots.select(chosen);
  const Share share =
      share_of(static_cast<int64_t>(chosen.size()), collective.rank(), collective.world_size());
  MinibatchStatistics sums;
  for (const Share& part : micro_batches(share, data.options.micro_batch_size)) {
    const std::vector<int64_t> few(chosen.begin() + part.begin, chosen.begin() + part.end);
    const auto statistics = accumulate(data, few, tokens, slots);
    sums.policy += statistics.policy;
    sums.value += statistics.value;
  }
  return sum_over_processes(sums, collective);
}

void add(UpdateReport& report, const MinibatchStatistics& s) {
  report.policy_loss += s.policy.mean(&PolicyStatistics::loss);
  report.clip_fraction += s.policy.clip_fraction();
  report.approx_kl += s.policy.approx_kl();
  report.entropy += s.policy.mean(&PolicyStatistics::entropy);
  report.ratio += s.policy.mean(&PolicyStatistics::ratio);
  report.ratio_variance += s.policy.ratio_variance();
  report.value_loss += s.value.mean(&ValueStatistics::loss);
  report.value_clip_fraction += s.value.clip_fraction();
}

}  // namespace

UpdateReport update_networks(const PpoNetworks& networks, const PpoOptimizers& optimizers,
                             const TrajectoryView& trajectories, const Experience& experience,
                             const Advantages& advantages, const Convention& convention,
                             const UpdateOptions& options, int64_t iteration, Collective& collective) {
  const IterationData data{networks, trajectories, experience, advantages, convention, options};
  const int64_t responses = experience.tokens.count();
  const int64_t minibatches = std::min(options.num_mini_batches, responses);
  const uint64_t seed = keyed_random(options.seed, kMinibatchStream, 0);
  UpdateReport report;
  for (int64_t epoch = 0; epoch < options.num_ppo_epochs; ++epoch) {
    const auto order = epoch_order(seed, iteration * options.num_ppo_epochs + epoch, responses);
    for (int64_t m = 0; m < minibatches; ++m) {
      const Share part = share_of(responses, m, minibatches);
      const auto statistics =
          run_minibatch(data, {order.begin() + part.begin, order.begin() + part.end}, collective);
      if (options.max_approx_kl && statistics.policy.approx_kl() > *options.max_approx_kl) {
        optimizers.policy.zero_grad();
        optimizers.critic.zero_grad();
        return report;
      }
      if (report.steps == 0) {
        report.first_ratio_gap = statistics.policy.ratio_gap;
      }
      add(report, statistics);
      report.policy_grad_norm += optimizers.policy.step(optimizers.policy_rate).grad_norm;
      report.critic_grad_norm += optimizers.critic.step(optimizers.critic_rate).grad_norm;
      ++report.steps;
      report.epochs = static_cast<double>(report.steps) / static_cast<double>(minibatches);
    }
  }
  return report;
}

}  // namespace rlhf
