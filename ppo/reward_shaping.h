#pragma once
#include <cstdint>
#include <optional>

#include "ppo/experience.h"
#include "train/kl.h"

namespace rlhf {

/// What is done about responses that did not end, or ended too soon. Such a response is treated once, even
/// when both are true of it.
struct RewardOptions {
  KlEstimator kl_estimator = KlEstimator::kK1;
  std::optional<double> missing_eos_score;    ///< takes the place of the score
  std::optional<double> missing_eos_penalty;  ///< is subtracted from the score (TRL)
  int64_t min_response_length = 0;            ///< tokens, the end-of-sequence token included; 0 = off

  /// UserError when both of the two are set, or min_response_length without either.
  void check() const;
};

/// Per-token rewards (Ziegler et al. 2019, https://arxiv.org/abs/1909.08593, equation 2):
///   r_t = -beta kl_t, plus the score on the last value slot of the response,
/// kl_t the estimate of KL(policy || reference) from token t. A slot after the last token has kl 0.
TokenRewards shape_rewards(const Experience& experience, double beta, const RewardOptions& options,
                           const Convention& convention);

}  // namespace rlhf
