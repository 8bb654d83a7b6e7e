#pragma once
#include <cstdint>

#include <torch/types.h>

namespace rlhf {

/// Log-probabilities of tokens and, when asked for, facts about the distributions they were drawn from.
struct TokenLogprobs {
  torch::Tensor logprobs;  ///< [M] float32 (float64 for float64)
  torch::Tensor entropy;   ///< [M] -sum_v p log p, with its gradient; undefined without `statistics`
  torch::Tensor correct;   ///< [M] bool: the token is the most likely one; undefined without `statistics`
};

struct LogprobOptions {
  double temperature = 1.0;  ///< > 0; logits are divided by it
  bool statistics = false;   ///< fill entropy and correct
};

/// How log-probabilities are computed; changes memory and speed, and with `dtype` the precision.
struct LogprobCompute {
  torch::ScalarType dtype = torch::kFloat32;  ///< of the products
  int64_t chunk_elements = int64_t{1} << 24;  ///< logits that exist at a time
  int64_t kept_elements =
      int64_t{1} << 24;     ///< logits of a call kept for backward when they are no more than these
  bool cpu_kernels = true;  ///< false: torch's operators, as on other devices
};

/// log softmax(hidden weight^T / temperature)[target] of M rows: hidden [M, H], weight [V, H], targets [M]
/// int64. Works in chunks of rows: above `kept_elements` the logits of the batch never exist, and backward
/// computes them again. Differentiable once, in hidden and weight, through logprobs and entropy.
TokenLogprobs token_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                             const torch::Tensor& targets, const LogprobOptions& options,
                             const LogprobCompute& compute);

/// The sum over all rows at temperature 1, and what `statistics` tells of each.
struct SumOfLogprobs {
  torch::Tensor sum;     ///< scalar, differentiable once in hidden and weight; a second backward pass throws
  TokenLogprobs tokens;  ///< without gradients
};
/// As token_logprobs for a loss that weighs all rows alike: its gradient is made with the logits at hand,
/// which are never computed again. Needs gradients of both hidden and weight.
SumOfLogprobs sum_of_logprobs(const torch::Tensor& hidden, const torch::Tensor& weight,
                              const torch::Tensor& targets, const LogprobCompute& compute);

}  // namespace rlhf
