#include "evaluate/reward_accuracy.h"

#include <map>
#include <string>

#include "contract/data_hash.h"

namespace rlhf {

RewardAccuracy reward_accuracy(const std::vector<Ranking>& rankings,
                               const std::vector<std::vector<double>>& scores) {
  std::map<std::string, Cluster> by_prompt;
  RewardAccuracy result;
  for (size_t r = 0; r < rankings.size(); ++r) {
    const std::vector<int>& ranks = rankings[r].ranks;
    // A ranking of texts without a prompt stands for itself.
    const bool no_prompt = rankings[r].prompt == Prompt{};
    Cluster& cluster =
        by_prompt[no_prompt ? std::to_string(r) : data_hash(std::vector<Prompt>{rankings[r].prompt})];
    for (size_t w = 0; w < ranks.size(); ++w) {
      for (size_t l = 0; l < ranks.size(); ++l) {
        if (ranks[w] >= ranks[l]) continue;
        const double gap = scores[r][w] - scores[r][l];
        cluster.numerator += gap > 0 ? 1.0 : gap == 0 ? 0.5 : 0.0;
        cluster.denominator += 1;
        ++result.pairs;
      }
    }
  }
  std::vector<Cluster> clusters;
  for (const auto& [prompt, cluster] : by_prompt)
    if (cluster.denominator > 0) clusters.push_back(cluster);
  result.prompts = static_cast<int64_t>(clusters.size());
  if (!clusters.empty()) result.accuracy = bootstrap_ratio(clusters);
  return result;
}

}  // namespace rlhf
