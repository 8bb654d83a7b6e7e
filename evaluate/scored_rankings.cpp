#include "evaluate/scored_rankings.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "contract/data_hash.h"

namespace rlhf {
namespace {

/// Numbers keys in the order they come.
class Numbers {
 public:
  std::size_t of(const std::string& key) { return numbers_.emplace(key, numbers_.size()).first->second; }
  std::size_t count() const { return numbers_.size(); }

 private:
  std::unordered_map<std::string, std::size_t> numbers_;
};

std::string cluster_key(const Ranking& ranking, const std::string& prompt_hash) {
  if (!(ranking.prompt == Prompt{})) return prompt_hash;
  std::vector<std::string> texts = ranking.responses;
  std::sort(texts.begin(), texts.end());
  return data_hash(texts);
}

}  // namespace

std::vector<ScoredRanking> score_rankings(std::vector<ImportRecord> records, const ScoreTexts& score) {
  std::vector<ScoredRanking> rankings;
  Numbers clusters, responses;
  std::vector<Prompt> prompts;
  std::vector<std::string> texts, places;
  for (ImportRecord& record : records) {
    ScoredRanking& made = rankings.emplace_back();
    made.ranking = std::get<Ranking>(std::move(record.content));
    made.provenance = std::move(record.provenance);
    const std::string prompt_hash = data_hash(std::vector<Prompt>{made.ranking.prompt});
    made.cluster = clusters.of(cluster_key(made.ranking, prompt_hash));
    for (const std::string& text : made.ranking.responses) {
      made.response_ids.push_back(responses.of(prompt_hash + text));
      if (responses.count() == texts.size()) continue;
      prompts.push_back(made.ranking.prompt);
      texts.push_back(text);
      places.push_back(made.ranking.origin);
    }
  }
  const std::vector<Score> scores = score(prompts, texts, places);
  for (ScoredRanking& ranking : rankings)
    for (const std::size_t id : ranking.response_ids) ranking.scores.push_back(scores[id]);
  return rankings;
}

}  // namespace rlhf
