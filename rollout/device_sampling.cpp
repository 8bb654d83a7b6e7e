#include "rollout/device_sampling.h"

namespace rlhf {
namespace {

/// The first place of a row at which the weights up to it exceed the row's uniform times their sum. A token
/// in any case: of NaNs nothing is to be expected but that no index leaves the vocabulary.
torch::Tensor inverse_cdf(const torch::Tensor& weights, const torch::Tensor& uniforms) {
  constexpr double kBelowOne = 1 - 1e-15;  // rounding must not ask for more than all
  const torch::Tensor cdf = weights.cumsum(-1);
  const torch::Tensor wanted = uniforms.clamp_max(kBelowOne).unsqueeze(1) * cdf.narrow(1, cdf.size(1) - 1, 1);
  return torch::searchsorted(cdf, wanted, /*out_int32=*/false, /*right=*/true).clamp_max(cdf.size(1) - 1);
}

/// Weights in falling order: 0 for what top-k, top-p and min-p refuse. The first is never refused.
torch::Tensor filtered(torch::Tensor weights, const SamplingOptions& o) {
  const int64_t vocabulary = weights.size(1);
  if (o.top_k > 0 && o.top_k < vocabulary) weights.narrow(1, o.top_k, vocabulary - o.top_k).zero_();
  torch::Tensor kept = weights >= o.min_p * weights.narrow(1, 0, 1);
  if (o.top_p < 1) {
    const torch::Tensor mass = weights.cumsum(-1);  // those before a token must not reach top_p yet
    kept = kept.logical_and(mass - weights < o.top_p * mass.narrow(1, vocabulary - 1, 1));
  }
  kept.narrow(1, 0, 1).fill_(true);
  return weights * kept;
}

}  // namespace

DeviceSample sample_on_device(const torch::Tensor& logits, const SamplingOptions& o,
                              const torch::Tensor& uniforms, const torch::Tensor& seen) {
  const torch::Tensor rows = logits.to(torch::kFloat32);
  const bool greedy = o.temperature == 0;
  const double scale = greedy ? 1.0 : 1.0 / o.temperature;
  torch::Tensor drawn_from = rows;
  if (seen.defined()) {
    const torch::Tensor penalised =
        torch::where(rows > 0, rows / o.repetition_penalty, rows * o.repetition_penalty);
    drawn_from = torch::where(seen, penalised, rows);
  }
  torch::Tensor ids;  // [B, 1]
  if (greedy) {
    ids = drawn_from.argmax(-1, /*keepdim=*/true);
  } else {
    const torch::Tensor weights = (drawn_from * scale).softmax(-1, torch::kFloat64);
    if (o.top_k == 0 && o.top_p == 1.0 && o.min_p == 0) {
      ids = inverse_cdf(weights, uniforms);
    } else {
      const auto [falling, order] = weights.sort(/*stable=*/true, /*dim=*/-1, /*descending=*/true);
      ids = order.gather(1, inverse_cdf(filtered(falling, o), uniforms));
    }
  }
  return {ids.squeeze(1), (rows * scale).log_softmax(-1).gather(1, ids).squeeze(1)};
}

}  // namespace rlhf
