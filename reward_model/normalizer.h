#pragma once
#include <vector>

#include "contract/token.h"
#include "model/model_folder.h"

namespace rlhf {

/// Mean and (biased) standard deviation of the raw score over sequences that end where the score is read:
/// samples of the policy that PPO will start from, or responses people ranked. std is 1 when all scores are
/// equal to rounding.
RewardNormalizer measure_normalizer(const ScalarModel& model,
                                    const std::vector<std::vector<TokenId>>& sequences, int64_t batch_size);

}  // namespace rlhf
