#pragma once
#include "ppo/experience.h"

namespace rlhf {

/// Generalised advantage estimation (Schulman et al. 2016, https://arxiv.org/abs/1506.02438), from the last
/// value slot of each response to the first:
///   delta_t = r_t + gamma V_{t+1} - V_t,   A_t = delta_t + gamma lambda A_{t+1},   V and A after the last
///   slot 0.
/// [M] advantages of [M] rewards and values. Sums run in float64 on the CPU; dtype and device are those of
/// `values`.
torch::Tensor generalized_advantages(const Segments& value_slots, const torch::Tensor& rewards,
                                     const torch::Tensor& values, double gamma, double lambda);

/// Advantages of the tokens, whitened over all of them, and returns A_t + V_t of the slots. `experience` is
/// the whole global batch.
Advantages estimate_advantages(const Experience& experience, const TokenRewards& rewards,
                               const Convention& convention);

}  // namespace rlhf
