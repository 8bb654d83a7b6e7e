#pragma once
#include <cstdint>
#include <vector>

#include "evaluate/scored_pairs.h"

namespace rlhf {

/// Pairs whose winner by score was given about the same probability.
struct ReliabilityBin {
  double low = 0, high = 0;  ///< of the probability
  int64_t pairs = 0;         ///< at least 1
  double predicted = 0;      ///< mean probability
  double observed = 0;       ///< share that people ordered so; equal scores count one half
};

/// Whether the probabilities that the scores stand for are true. The ranking loss makes sigmoid(r_w - r_l) of
/// raw scores the probability that people prefer w (Bradley and Terry 1952; no margin), so the raw scale is
/// the one to look at: normalised scores are divided by a deviation that has no bearing on it.
struct Calibration {
  std::vector<ReliabilityBin> bins;  ///< of width 1/20 from 1/2 to 1; empty ones are left out
  /// Sum over bins of pairs / all pairs * |observed - predicted| (Guo et al., arXiv 1706.04599).
  double ece = 0;
  double brier = 0;     ///< mean of (1 - sigmoid(r_w - r_l))^2, w what people chose; 1/4 for equal scores
  double log_loss = 0;  ///< mean of -log sigmoid(r_w - r_l), nats; log 2 for equal scores
};

/// No pair: no bin, and all is 0.
Calibration calibration(const std::vector<ScoredPair>& pairs);

}  // namespace rlhf
