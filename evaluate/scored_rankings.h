#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "contract/record.h"
#include "contract/sources.h"

namespace rlhf {

/// A ranking, what is known of it, and what a reward model says of its responses.
struct ScoredRanking {
  Ranking ranking;
  Provenance provenance;
  std::vector<Score> scores;  ///< one a response
  /// One a response; the same number for the same text to the same prompt.
  std::vector<std::size_t> response_ids;
  std::size_t cluster = 0;  ///< shared by rankings of one prompt, or, where there is none, of the same texts
};

/// Scores responses to prompts; `places` name them in messages. As TextScorer::score.
using ScoreTexts = std::function<std::vector<Score>(const std::vector<Prompt>& prompts,
                                                    const std::vector<std::string>& responses,
                                                    const std::vector<std::string>& places)>;

/// `records` are rankings. A response is scored once, however many people ranked it.
std::vector<ScoredRanking> score_rankings(std::vector<ImportRecord> records, const ScoreTexts& score);

}  // namespace rlhf
