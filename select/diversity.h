#pragma once
#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "contract/prompt.h"
#include "select/strategies.h"

namespace rlhf {

constexpr std::size_t kTextFeatures = 256;
using TextFeatures = std::array<float, kTextFeatures>;

/// What a prompt and its responses are about, cheaply: counts of words and of pairs of neighbouring words, in
/// lower case (ASCII), each hashed to a place and a sign (Weinberger et al. 2009,
/// https://arxiv.org/abs/0902.2206), the whole of length 1, or 0 where there is no word. Pairs do not reach
/// from one text into the next.
TextFeatures text_features(const Prompt& prompt, const std::vector<std::string>& responses);

/// k-center greedy, Sener and Savarese 2018, algorithm 1 (https://arxiv.org/abs/1708.00489): again and again
/// the candidate that is farthest from what there is, `centres` and those chosen before; its Euclidean
/// distance is its priority, so that priorities fall. Without centres it begins with the candidate nearest to
/// the mean of all, of priority 2, the largest distance there is. Of equal ones the earlier. At most `count`.
/// Going on with those chosen as centres gives what asking for more at once would have.
std::vector<Pick> farthest_first(const std::vector<TextFeatures>& candidates,
                                 const std::vector<TextFeatures>& centres, std::size_t count);

}  // namespace rlhf
