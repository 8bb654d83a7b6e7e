#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "reward_model/ranked_sequences.h"

namespace rlhf {

/// Sums over a batch of rankings; the caller divides by global counts.
struct RankingLoss {
  torch::Tensor
      loss;  ///< scalar with a graph: sum over rankings of -(1/P) sum over pairs of log sigmoid(...)
  int64_t rankings = 0;
  int64_t pairs = 0;      ///< untied
  double correct = 0;     ///< pairs with r_w > r_l; r_w = r_l counts one half
  double margin_sum = 0;  ///< of r_w - r_l over pairs
};

/// InstructGPT's ranking loss (arXiv 2203.02155, equation 1) with ties left out: for each ranking
///   -(1/P) sum over its P ordered untied pairs of log sigmoid(r_w - r_l - margin).
/// `rewards` is [M], the responses of all rankings one after the other. Every ranking must have an untied
/// pair (std::invalid_argument).
RankingLoss ranking_loss(const torch::Tensor& rewards, const std::vector<const RankedSequences*>& rankings);

}  // namespace rlhf
