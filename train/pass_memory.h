#pragma once
#include <cstdint>

#include <torch/types.h>

#include "model/model_config.h"
#include "train/training_options.h"

namespace rlhf {

/// What decides, beside a model's shape, how many bytes its passes need.
struct PassOptions {
  torch::ScalarType compute = torch::kFloat32;
  bool packed_products = false;   ///< packed_products_pay(compute), on the CPU
  bool packed_attention = false;  ///< attention without padding, of our own
  bool gradient_checkpointing = false;
  bool dropout = false;  ///< on the outputs of attention and MLP
};
/// As the trained model's passes run on this machine.
PassOptions planned_pass(const TrainingOptions& options, torch::Device device, torch::ScalarType compute);

/// Bytes of the weights as a frozen model holds them, its head included.
int64_t frozen_weight_bytes(const ModelConfig& config, torch::ScalarType dtype);

/// Bytes that a forward pass over `tokens` tokens keeps for the backward pass.
int64_t activation_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens);
/// What the backward pass needs besides at its beginning, when all of that is still there: gradients of one
/// layer's results and, with gradient checkpointing, these results.
int64_t backward_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens);
/// What a pass without gradients needs at a time.
int64_t inference_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens);
/// What products on the fly keep between passes (model/packed_matrix.h), the head's with `rows` rows; 0 rows
/// for a model without.
int64_t workspace_bytes(const ModelConfig& config, const PassOptions& options, int64_t tokens, int64_t rows);

/// What log-probabilities of `rows` rows need at a time, the gradient of the head's weight left out.
struct HeadMemory {
  int64_t inference = 0;  ///< without gradients
  int64_t summed = 0;     ///< sum_of_logprobs with its gradient
  int64_t backward = 0;   ///< of token_logprobs
};
HeadMemory head_memory(const ModelConfig& config, const PassOptions& options, int64_t rows);

/// Keys and values of `slots` sequences of `capacity` tokens.
int64_t kv_cache_bytes(const ModelConfig& config, torch::ScalarType dtype, int64_t slots, int64_t capacity);

}  // namespace rlhf
