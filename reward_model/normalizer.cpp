#include "reward_model/normalizer.h"

#include <cmath>

#include <torch/utils.h>

#include "train/micro_batches.h"

namespace rlhf {
namespace {

constexpr double kRounding = 1e-6;  // of a float32 network's outputs, relative to their size

}  // namespace

RewardNormalizer measure_normalizer(const ScalarModel& model,
                                    const std::vector<std::vector<TokenId>>& sequences, int64_t batch_size) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (const Share& part : micro_batches({0, static_cast<int64_t>(sequences.size())}, batch_size)) {
    const std::vector<std::vector<TokenId>> picked(sequences.begin() + part.begin,
                                                   sequences.begin() + part.end);
    const TokenBatch batch = TokenBatch::pack(picked, model.decoder().device());
    parts.push_back(model.values(model.decoder().forward_rows(batch, batch.last_token_rows())));
  }
  const torch::Tensor raw = torch::cat(parts).to(torch::kFloat64);
  const double std = raw.std(/*unbiased=*/false).item<double>();
  // Equal sequences may differ by rounding, which is no spread to divide by.
  const double rounding = kRounding * raw.abs().max().item<double>();
  return {raw.mean().item<double>(), std > rounding ? std : 1.0};
}

}  // namespace rlhf
