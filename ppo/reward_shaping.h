#pragma once
#include <cstdint>
#include <optional>

#include "ppo/experience.h"
#include "train/kl.h"

namespace rlhf {

/// What a score is before it becomes a reward. A response that did not end, or ended too soon, is treated
/// once, even when both are true of it.
struct RewardOptions {
  KlEstimator kl_estimator = KlEstimator::kK1;
  std::optional<double> missing_eos_score;    ///< takes the place of the score
  std::optional<double> missing_eos_penalty;  ///< is subtracted from the score (TRL)
  int64_t min_response_length = 0;            ///< tokens, the end-of-sequence token included; 0 = off
  /// Times the spread of an ensemble that is subtracted from its mean score, before the rules above: what its
  /// members do not agree on is worth less (Coste et al. 2023, https://arxiv.org/abs/2310.02743, who subtract
  /// the variance).
  double spread_penalty = 0;

  /// UserError when both of the two are set, min_response_length without either, or a negative penalty.
  void check() const;
};

/// Per-token rewards (Ziegler et al. 2019, https://arxiv.org/abs/1909.08593, equation 2):
///   r_t = -beta kl_t, plus the score on the last value slot of the response,
/// kl_t the estimate of KL(policy || reference) from token t. A slot after the last token has kl 0.
TokenRewards shape_rewards(const Experience& experience, double beta, const RewardOptions& options,
                           const Convention& convention);

}  // namespace rlhf
