#pragma once
#include <torch/types.h>

#include "ppo/advantages.h"
#include "ppo/loss.h"
#include "ppo/reward_shaping.h"
#include "tests/ppo/scalar_reference.h"

namespace rlhf::test {

/// A random batch: `batch` responses of 1 to `slots` tokens, one of them full and unfinished, one of a single
/// token.
Episode random_episode(unsigned seed, int batch, int slots);
/// New log-probabilities near and beyond the clip range, entropies and values, for the same responses.
Update random_update(unsigned seed, const Episode& episode);

/// Entries of padded rows that lie in the segments, end to end, float64.
torch::Tensor packed(const Rows& rows, const Segments& segments);
Experience experience_of(const Episode& episode, const Convention& convention);
Convention convention_of(const ScalarSettings& settings);
RewardOptions reward_options_of(const ScalarSettings& settings);

/// What ppo/ makes of an episode.
struct Targets {
  Experience experience;
  TokenRewards rewards;
  Advantages advantages;
};
Targets targets_of(const Episode& episode, const ScalarSettings& settings);

double largest_difference(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace rlhf::test
