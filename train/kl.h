#pragma once
#include <string>

#include <torch/types.h>

namespace rlhf {

/// Estimators of KL(policy || reference) from one sampled token (http://joschu.net/blog/kl-approx.html), with
/// l and f its log-probabilities under policy and reference. Both are unbiased; k3 is never negative.
enum class KlEstimator {
  kK1,  ///< l - f
  kK3,  ///< exp(f - l) - 1 - (f - l)
};

/// "k1" or "k3"; UserError for another name.
KlEstimator parse_kl_estimator(const std::string& name);

/// [N] estimates in nats, one a token, of [N] log-probabilities.
torch::Tensor kl_per_token(const torch::Tensor& logprobs, const torch::Tensor& reference_logprobs,
                           KlEstimator estimator);

}  // namespace rlhf
