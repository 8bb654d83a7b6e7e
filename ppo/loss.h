#pragma once
#include <vector>

#include <torch/types.h>

#include "ppo/convention.h"

namespace rlhf {

// PPO's loss (Schulman et al. 2017, https://arxiv.org/abs/1707.06347, equation 7; value clipping as in
// https://arxiv.org/abs/1909.08593):
//
//   loss = mean_t max(-A ratio, -A clip(ratio, 1 - eps, 1 + eps)) - ent_coef mean_t entropy
//        + vf_coef 1/2 mean_t max((v - R)^2, (clip(v, V - eps_v, V + eps_v) - R)^2),   ratio = exp(l_new - l)
//
// Policy and critic are two networks, so the two lines are two functions with a backward pass each. Means run
// over the whole minibatch of all workers: each function takes a micro-batch, sums, and divides by the global
// count it is given. Adding up the losses (and gradients) of micro-batches and workers gives the minibatch's,
// however it was cut.

/// Sums over n tokens of a micro-batch, float64. Parts add up; means are over all tokens added.
struct PolicyStatistics {
  double tokens = 0;
  double loss = 0;          ///< of the clipped objective, without entropy bonus
  double clipped = 0;       ///< tokens whose clipped term is the larger one
  double log_ratio_sq = 0;  ///< (l_new - l)^2
  double ratio = 0;
  double ratio_sq = 0;
  double entropy = 0;    ///< nats
  double ratio_gap = 0;  ///< largest |ratio - 1|: a maximum, not a sum

  PolicyStatistics& operator+=(const PolicyStatistics& other);
  double mean(double PolicyStatistics::*sum) const { return this->*sum / tokens; }
  double clip_fraction() const { return mean(&PolicyStatistics::clipped); }
  /// 1/2 mean (l_new - l)^2: how far the policy has moved from the one that sampled (k2 of
  /// http://joschu.net/blog/kl-approx.html). Not the KL against the reference.
  double approx_kl() const { return 0.5 * mean(&PolicyStatistics::log_ratio_sq); }
  double ratio_variance() const;  ///< biased, over tokens

  /// All but ratio_gap, for Collective::all_reduce_sum, and back.
  std::vector<double> sums() const;
  void set_sums(const std::vector<double>& sums);
};

/// Sums over m value slots.
struct ValueStatistics {
  double slots = 0;
  double loss = 0;     ///< 1/2 max(...), without vf_coef
  double clipped = 0;  ///< slots whose clipped error is the larger one
  double value = 0;
  double error_sq = 0;  ///< (v - R)^2

  ValueStatistics& operator+=(const ValueStatistics& other);
  double mean(double ValueStatistics::*sum) const { return this->*sum / slots; }
  double clip_fraction() const { return mean(&ValueStatistics::clipped); }

  std::vector<double> sums() const;
  void set_sums(const std::vector<double>& sums);
};

/// A scalar to call backward() on, and what is worth knowing of it.
template <typename Statistics>
struct Loss {
  torch::Tensor loss;
  Statistics statistics;
};

/// n tokens of a micro-batch, [n] each.
struct PolicyMicroBatch {
  torch::Tensor new_logprobs;  ///< l_new, with a graph
  torch::Tensor entropy;   ///< of the distribution the token was drawn from; with a graph where ent_coef > 0
  torch::Tensor logprobs;  ///< l
  torch::Tensor advantages;  ///< whitened
};

/// m value slots of a micro-batch, [m] each.
struct ValueMicroBatch {
  torch::Tensor new_values;  ///< v, with a graph
  torch::Tensor values;      ///< V
  torch::Tensor returns;     ///< R
};

/// `minibatch_tokens`: valid tokens of the whole minibatch over all micro-batches and workers.
Loss<PolicyStatistics> policy_loss(const PolicyMicroBatch& batch, const Convention& convention,
                                   double minibatch_tokens);
/// `minibatch_slots`: likewise value slots.
Loss<ValueStatistics> value_loss(const ValueMicroBatch& batch, const Convention& convention,
                                 double minibatch_slots);

}  // namespace rlhf
