#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "contract/prompt.h"

namespace rlhf {

/// How `rlhf data select` chooses what is worth a person's time.
enum class Strategy { kDisagreement, kMargin, kDiversity, kRandom };

/// "disagreement", "margin", "diversity" or "random"; UserError for another name.
Strategy strategy_named(const std::string& name);
/// The names above, in this order.
std::vector<std::string> strategy_names();

/// How much the members of an ensemble differ about the order of K responses: the mean over pairs of
/// responses of the population standard deviation over members of the difference of the pair's normalised
/// scores, `scores[member][response]`. A member's constant offset is no disagreement. In deviations of the
/// reward models' scores; 0 for one member. Queries with the highest variance over an ensemble of reward
/// predictors: Christiano et al. 2017, section 2.2.4 (https://arxiv.org/abs/1706.03741), there for pairs.
double disagreement(const std::vector<std::vector<double>>& scores);

/// How little a reward model tells K responses apart: the mean over pairs of 4 p (1 - p), p = sigmoid of the
/// difference of the pair's raw scores, in which Bradley and Terry's model puts the probability that one is
/// preferred. 1: cannot tell any two apart; 0: is sure of every pair. Uncertainty sampling: Settles 2009,
/// Active Learning Literature Survey, section 2.1.
double uncertainty(const std::vector<double>& raw_scores);

/// A number in [0, 1) drawn for this prompt and these responses: a function of the seed and the texts alone.
double drawn_priority(uint64_t seed, const Prompt& prompt, const std::vector<std::string>& responses);

/// A candidate that was chosen, and why so early.
struct Pick {
  std::size_t index = 0;
  double priority = 0;
};

/// The `count` candidates with the highest priorities, highest first; of equal ones the earlier.
std::vector<Pick> highest(const std::vector<double>& priorities, std::size_t count);

}  // namespace rlhf
