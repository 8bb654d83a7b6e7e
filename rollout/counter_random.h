#pragma once
#include <array>
#include <cstdint>

namespace rlhf {

/// Philox 4x32 with 10 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
using PhiloxBlock = std::array<uint32_t, 4>;
PhiloxBlock philox4x32(PhiloxBlock counter, uint32_t key0, uint32_t key1);

/// Names one draw of a sampled token. The draw is a function of the key alone, so it does not depend on who
/// generates, in which batch, or in what order.
struct DrawKey {
  uint64_t seed = 0;      ///< of the run
  int64_t iteration = 0;  ///< of PPO; 0 elsewhere
  int64_t prompt = 0;     ///< index of the prompt in the iteration
  int64_t sample = 0;     ///< which of the prompt's samples
  int64_t position = 0;   ///< of the token in the response
};

/// Uniform in (0, 1), 53 bits, by Philox.
double uniform_draw(const DrawKey& key);

}  // namespace rlhf
