#pragma once
#include <cstdint>
#include <vector>

#include "ppo/options.h"
#include "train/memory_plan.h"

namespace rlhf {

/// What the memory of a PPO run depends on beside its options.
struct PpoShape {
  ModelConfig policy, reference, critic;
  std::vector<ModelConfig> reward, gold;  ///< members of the ensembles
  PassOptions pass;                       ///< of policy and critic
  std::vector<int64_t> prompt_tokens;
  std::vector<int64_t> eval_prompt_tokens;
  bool generates = true;  ///< rollouts in this process, not by workers alone
  bool serves = false;    ///< models are kept as files for workers
};

/// The memory of one process that reads and learns from `micro_batch_size` responses at a time.
MemoryPlan plan_ppo(const PpoShape& shape, const PpoOptions& options, int64_t world_size,
                    int64_t micro_batch_size);

}  // namespace rlhf
