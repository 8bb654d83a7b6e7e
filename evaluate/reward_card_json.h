#pragma once
#include <nlohmann/json.hpp>

#include "evaluate/reward_card.h"

namespace rlhf {

/// The card as one object, for programs and for the page. First come accuracy, accuracy_low, accuracy_high,
/// pairs, prompts and rankings; what the data do not tell is absent and named in words under "left_out".
nlohmann::ordered_json reward_card_json(const RewardCard& card);

}  // namespace rlhf
