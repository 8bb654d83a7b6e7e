#pragma once
#include <string>

#include "curves/terminal_report.h"
#include "evaluate/reward_card.h"

namespace rlhf {

/// The card for a terminal: figures, the reliability curve, the scores, and the five worst mistakes.
std::string reward_card_text(const RewardCard& card, const ReportOptions& terminal);

}  // namespace rlhf
