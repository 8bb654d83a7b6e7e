#include "reward_model/dataset.h"

#include <algorithm>
#include <string>

#include <torch/utils.h>

#include "contract/error.h"
#include "text/parallel_map.h"

namespace rlhf {
namespace {

/// Without sequences where no pair is untied.
RankedSequences ranked_sequences(const Ranking& ranking, const SequenceEncoder& encoder) {
  RankedSequences ranked;
  ranked.ranks = ranking.ranks;
  ranked.margin = ranking.margin.value_or(0.0);
  if (ranked.untied_pairs() == 0) return ranked;
  for (const std::string& response : ranking.responses)
    ranked.sequences.push_back(encoder.prompt_and_response(ranking.prompt, response));
  return ranked;
}

}  // namespace

std::vector<RankedSequences> make_ranked_sequences(const std::vector<Ranking>& rankings,
                                                   const SequenceEncoder& encoder, int64_t max_length,
                                                   RewardDatasetReport& report) {
  std::vector<RankedSequences> all = parallel_map(rankings.size(), torch::get_num_threads(), [&](size_t i) {
    return ranked_sequences(rankings[i], encoder);
  });
  std::vector<RankedSequences> kept;
  for (RankedSequences& ranked : all) {
    ++report.rankings;
    if (ranked.sequences.empty()) {
      ++report.all_tied;
      continue;
    }
    const bool fits = std::all_of(ranked.sequences.begin(), ranked.sequences.end(), [&](const auto& ids) {
      return static_cast<int64_t>(ids.size()) <= max_length;
    });
    if (!fits) {
      ++report.too_long;
      continue;
    }
    report.responses += static_cast<int64_t>(ranked.sequences.size());
    report.pairs += ranked.untied_pairs();
    kept.push_back(std::move(ranked));
  }
  if (kept.empty())
    throw UserError("none of the " + std::to_string(report.rankings) + " rankings can be learnt from: " +
                    std::to_string(report.all_tied) + " have ties only, " + std::to_string(report.too_long) +
                    " are longer than --max_length or the model's context, which leave " +
                    std::to_string(max_length) + " tokens");
  return kept;
}

}  // namespace rlhf
