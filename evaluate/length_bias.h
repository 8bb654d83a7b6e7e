#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/bootstrap.h"
#include "evaluate/scored_pairs.h"

namespace rlhf {

/// Whether the model takes length for quality more than people do (Singhal et al., arXiv 2310.03716). Length
/// is in characters (Unicode code points) of the response. Shares are over untied pairs whose responses
/// differ in length.
struct LengthBias {
  int64_t pairs = 0;
  std::optional<Estimate> people_longer;     ///< share in which people chose the longer one
  std::optional<Estimate> model_longer;      ///< in which it scores higher; equal scores count one half
  std::optional<Estimate> longer_accuracy;   ///< accuracy where people chose the longer one
  std::optional<Estimate> shorter_accuracy;  ///< accuracy where people chose the shorter one
  /// Pearson's correlation of normalised score and length over responses, each less the mean over its
  /// prompt's: what a prompt asks for does not count. Nothing when either does not vary.
  std::optional<double> correlation;
};

LengthBias length_bias(const std::vector<ScoredPair>& pairs);

/// Unicode code points of UTF-8 text.
int64_t characters(const std::string& text);

}  // namespace rlhf
