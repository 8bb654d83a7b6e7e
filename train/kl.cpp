#include "train/kl.h"

#include "contract/error.h"

namespace rlhf {

KlEstimator parse_kl_estimator(const std::string& name) {
  if (name == "k1") {
    return KlEstimator::kK1;
  }
  if (name == "k3") {
    return KlEstimator::kK3;
  }
  throw UserError("unknown KL estimator '" + name + "': k1 and k3 are known");
}

torch::Tensor kl_per_token(const torch::Tensor& logprobs, const torch::Tensor& reference_logprobs,
                           KlEstimator estimator) {
  const auto k1 = logprobs - reference_logprobs;
  if (estimator == KlEstimator::kK1) {
    return k1;
  }
  return torch::expm1(-k1) + k1;
}

}  // namespace rlhf
