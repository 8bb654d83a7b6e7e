#pragma once
#include <optional>
#include <string>
#include <vector>

#include "train/masked_statistics.h"

namespace rlhf {

/// Everything in which toolkits disagree about the arithmetic of PPO, in one place. The defaults are ours
/// (docs/architecture.md); `--ppo_convention` picks another set by name, and single flags still override it.
struct Convention {
  std::string name = "rlhf";

  // Rewards.
  /// The score joins the reward one slot after the last token, where the critic then has a value too, except
  /// in responses as long as the longest of the batch (TRL, https://github.com/huggingface/trl/issues/3750).
  bool score_after_last_token = false;
  std::optional<double> score_clip;  ///< scores are clamped to +- this
  std::optional<double> kl_clamp;    ///< per-token KL estimates are clamped to +- this, nats

  // Advantages.
  double gamma = 1.0;    ///< discount, [0, 1]
  double lambda = 0.95;  ///< of GAE, [0, 1]
  Whitening whitening;

  // Loss.
  double cliprange = 0.2;                 ///< eps of the ratio
  double cliprange_value = 0.2;           ///< eps_v, in units of the value
  double vf_coef = 0.1;                   ///< on the value loss
  double ent_coef = 0.0;                  ///< on the entropy bonus
  std::optional<double> log_ratio_clamp;  ///< l_new - l is clamped to +- this before exp

  // Adaptive KL.
  bool controller_sees_token_mean = false;  ///< mean over tokens in place of the mean of per-sequence sums
};

/// "rlhf": ours. "trl": TRL's experimental.ppo 1.9. "openrlhf": OpenRLHF 0.11. UserError for another name.
Convention convention_named(const std::string& name);

/// The names above, ours first.
std::vector<std::string> convention_names();

}  // namespace rlhf
