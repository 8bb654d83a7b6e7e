#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rlhf {

/// A ranking that counts, with who gave it and where each response was shown: what figures about labels are
/// made of. Ids are the ledger's rows.
struct RankedAnswer {
  struct Item {
    int64_t response_id = 0;
    int position = 0;  ///< where it was shown, or stood in the file it came from
    int rank = 0;      ///< 1 = best, equal = tie
  };
  int64_t annotation_id = 0;
  int64_t prompt_id = 0;
  int64_t task_id = 0;             ///< 0: imported, not given in a campaign
  int64_t annotator_id = 0;        ///< 0: not known
  std::optional<int64_t> took_ms;  ///< a person's first answer: from seeing the task to giving it
  std::vector<Item> items;         ///< two or more, by response_id
};

/// The known answer to a task that is a check on its annotators: rank by response, as in RankedAnswer.
using KnownRanks = std::map<int64_t, int>;

/// What a rating is about: ratings of different data sets or aspects are not compared.
struct RatedAspect {
  std::string source;  ///< data set; empty: not known
  std::string aspect;
  auto operator<=>(const RatedAspect&) const = default;
};

/// A value somebody gave one response under an aspect.
struct GivenRating {
  int64_t annotation_id = 0;
  int64_t prompt_id = 0;
  int64_t response_id = 0;
  int64_t annotator_id = 0;  ///< 0: not known, somebody else each time
  double value = 0;
};

}  // namespace rlhf
