#pragma once
#include <cstdint>

namespace rlhf {

/// How tokens are drawn. Defaults sample from the model's own distribution.
struct SamplingOptions {
  double temperature = 1.0;  ///< 0 = greedy; log-probabilities are then reported at temperature 1
  int32_t top_k = 0;         ///< keep the k most likely tokens; 0 = off
  double top_p = 1.0;        ///< nucleus mass in (0, 1]; 1 = off
  double min_p = 0.0;        ///< drop tokens below min_p times the largest probability; 0 = off
  double repetition_penalty =
      1.0;                      ///< divides positive and multiplies negative logits of seen tokens; 1 = off
  int32_t max_new_tokens = 64;  ///< tokens after the prompt, the end-of-sequence token included

  /// True when a filter changes the distribution, which makes the KL of PPO lie.
  bool filters() const { return top_k > 0 || top_p < 1.0 || min_p > 0.0 || repetition_penalty != 1.0; }
  bool operator==(const SamplingOptions&) const = default;
};

}  // namespace rlhf
