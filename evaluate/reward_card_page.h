#pragma once
#include <string>

#include "evaluate/reward_card.h"

namespace rlhf {

/// The card as one HTML page that needs nothing else: no network, no file beside it. Texts from the data only
/// ever appear as text.
std::string reward_card_page(const RewardCard& card);

}  // namespace rlhf
