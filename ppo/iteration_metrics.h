#pragma once
#include <functional>
#include <string>

#include "contract/sources.h"
#include "ppo/experience.h"
#include "ppo/networks.h"
#include "ppo/update.h"

namespace rlhf {

/// Text of response ids, for metrics and records that people read.
using DecodeTokens = std::function<std::string(const std::vector<TokenId>&)>;

/// Sums over each response, float64: what objective/kl, kl_k3 and entropy are means of.
struct KlSums {
  torch::Tensor k1, k3, surprise;  ///< [B]: sum of l - f, of k3, of -l
  double k1_per_response() const { return k1.mean().item<double>(); }
  double k1_per_token(const Segments& tokens) const;
};
KlSums kl_sums(const Experience& experience);

/// The groups of docs/metrics.md, section ppo, in its order.
Metrics objective_metrics(const TrajectoryView& trajectories, const Experience& experience,
                          const TokenRewards& rewards, const Advantages& advantages, double beta);
/// objective/score_spread; nothing where one reward model scored.
Metrics spread_metrics(const TrajectoryView& trajectories);
Metrics update_metrics(const UpdateReport& report);
Metrics critic_metrics(const Experience& experience, const Advantages& advantages);
/// `min_response_length` 0 leaves out short_fraction; no `decode` leaves out repeated_words.
Metrics response_metrics(const TrajectoryView& trajectories, int64_t min_response_length,
                         const DecodeTokens& decode);

/// Share of distinct n-grams of the responses, end-of-sequence tokens left out; 0 when there is none.
double distinct_ngrams(const TrajectoryView& trajectories, size_t n);
/// Share of the words of `text` that stood in it before; 0 for an empty one.
double repeated_words(const std::string& text);

}  // namespace rlhf
