#pragma once
#include <torch/types.h>

#include "contract/sampling_options.h"

namespace rlhf {

struct DeviceSample {
  torch::Tensor token_ids;  ///< [B] int64
  torch::Tensor logprobs;   ///< [B] float32, at the sampling temperature, before penalty and filters
};

/// sample_tokens (rollout/sampling.h) in tensor operations, on the device of `logits` [B, V] and without
/// waiting for it: the same rules in the same order, and the same tokens but where rounding decides.
/// `uniforms` [B] float64 are the draws, in (0, 1); `seen` [B, V] bool says which tokens the penalty is for,
/// undefined without one.
DeviceSample sample_on_device(const torch::Tensor& logits, const SamplingOptions& options,
                              const torch::Tensor& uniforms, const torch::Tensor& seen);

}  // namespace rlhf
