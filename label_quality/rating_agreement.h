#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "contract/given_answer.h"

namespace rlhf {

/// How people's ratings of one data set under one aspect agree.
struct RatingAgreement {
  struct Rater {
    int64_t ratings = 0;  ///< of responses that others rated too
    double bias = 0;      ///< mean of own rating - mean of the others' of the same response
    double distance = 0;  ///< mean of the absolute value of that
  };
  struct Disputed {
    int64_t prompt_id = 0;
    int64_t response_id = 0;
    std::vector<double> values;
    double deviation = 0;  ///< standard deviation of the values (n - 1)
  };

  int64_t ratings = 0;
  int64_t responses = 0;
  int64_t responses_rated_twice = 0;  ///< by two or more: those the figures below are about
  std::optional<double> percent, alpha_nominal, alpha_ordinal, alpha_interval;
  std::map<int64_t, Rater> raters;  ///< those who are known
  std::vector<Disputed> disputed;   ///< the greatest deviation first
};

/// `ratings` are all under one RatedAspect. One a person and response counts, the latest; where the
/// annotator is not known each rating counts as somebody else's. Keeps `most` disputed responses. Time n log
/// n.
RatingAgreement rating_agreement(std::vector<GivenRating> ratings, std::size_t most);

}  // namespace rlhf
