#pragma once
#include <torch/types.h>

#include "model/model_config.h"

namespace rlhf {

/// [rotary_dim / 2] float64 angles per position, after the config's scaling (default, linear, llama3).
torch::Tensor rope_frequencies(const Rope& rope);

/// Cosines and sines of N positions, made once a pass and shared by its layers.
struct RopeAngles {
  torch::Tensor cos, sin;  ///< [N, 1, rotary_dim / 2], float32 (float64 for float64)
};
RopeAngles rope_angles(const torch::Tensor& positions, const torch::Tensor& frequencies);

/// Rotates the leading rotary_dim dimensions of every head of x [N, heads, head_dim] by the angle of its row,
/// rotate-half layout (arXiv 2104.09864). Differentiable in x.
torch::Tensor apply_rope(const torch::Tensor& x, const RopeAngles& angles);

}  // namespace rlhf
