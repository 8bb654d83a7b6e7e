#include "ppo/iteration_metrics.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>
#include <sstream>

#include "train/kl.h"

namespace rlhf {
namespace {

torch::Tensor host(const torch::Tensor& x) {
  return x.detach().to(torch::kCPU, torch::kFloat64);
}
double mean_of(const torch::Tensor& x) {
  return host(x).mean().item<double>();
}
double deviation(const torch::Tensor& x) {
  return std::sqrt(Moments::of(x).variance());
}

template <typename Number>
double mean_over(const TrajectoryView& trajectories, Number Trajectory::*field) {
  double sum = 0;
  for (const Trajectory* t : trajectories) {
    sum += static_cast<double>(t->*field);
  }
  return sum / static_cast<double>(trajectories.size());
}

bool finished(const Trajectory* t) {
  return t->finish_reason == FinishReason::kStop;
}

/// Lower case, without ASCII punctuation at either end.
std::string bare_word(const std::string& word) {
  const auto is_mark = [](unsigned char c) { return std::ispunct(c) != 0; };
  auto begin = std::find_if_not(word.begin(), word.end(), is_mark);
  auto end = std::find_if_not(word.rbegin(), std::make_reverse_iterator(begin), is_mark).base();
  std::string bare(begin, end);
  std::transform(bare.begin(), bare.end(), bare.begin(), [](unsigned char c) {
    return c < 0x80 ? static_cast<char>(std::tolower(c)) : static_cast<char>(c);
  });
  return bare;
}

}  // namespace

double KlSums::k1_per_token(const Segments& tokens) const {
  return k1.sum().item<double>() / static_cast<double>(tokens.total());
}

KlSums kl_sums(const Experience& experience) {
  const auto l = host(experience.logprobs), f = host(experience.reference_logprobs);
  const auto& tokens = experience.tokens;
  return {tokens.sums(kl_per_token(l, f, KlEstimator::kK1)),
          tokens.sums(kl_per_token(l, f, KlEstimator::kK3)), tokens.sums(-l)};
}

Metrics objective_metrics(const TrajectoryView& trajectories, const Experience& experience,
                          const TokenRewards& rewards, const Advantages& advantages, double beta) {
  const KlSums kl = kl_sums(experience);
  const double score = mean_of(rewards.effective_scores);
  const double non_score = -beta * mean_of(experience.tokens.sums(host(rewards.kl)));
  return {{"objective/scores", score},
          {"objective/scores_std", deviation(rewards.effective_scores)},
          {"objective/model_scores", mean_over(trajectories, &Trajectory::score)},
          {"objective/raw_scores", mean_over(trajectories, &Trajectory::raw_score)},
          {"objective/kl", kl.k1_per_response()},
          {"objective/kl_k3", mean_of(kl.k3)},
          {"objective/kl_coef", beta},
          {"objective/non_score_reward", non_score},
          {"objective/rlhf_reward", score + non_score},
          {"objective/entropy", mean_of(kl.surprise)},
          {"objective/advantage_mean", mean_of(advantages.raw)},
          {"objective/advantage_std", deviation(advantages.raw)}};
}

Metrics spread_metrics(const TrajectoryView& trajectories) {
  const double spread = mean_over(trajectories, &Trajectory::score_spread);
  return spread > 0 ? Metrics{{"objective/score_spread", spread}} : Metrics{};
}

Metrics update_metrics(const UpdateReport& report) {
  return {{"loss/policy_avg", report.mean(&UpdateReport::policy_loss)},
          {"policy/approxkl_avg", report.mean(&UpdateReport::approx_kl)},
          {"policy/clipfrac_avg", report.mean(&UpdateReport::clip_fraction)},
          {"policy/entropy_avg", report.mean(&UpdateReport::entropy)},
          {"policy/grad_norm_avg", report.mean(&UpdateReport::policy_grad_norm)},
          {"policy/epochs", report.epochs},
          {"val/ratio", report.mean(&UpdateReport::ratio)},
          {"val/ratio_var", report.mean(&UpdateReport::ratio_variance)},
          {"policy/first_ratio_gap", report.first_ratio_gap},
          {"loss/value_avg", report.mean(&UpdateReport::value_loss)},
          {"val/clipfrac_avg", report.mean(&UpdateReport::value_clip_fraction)},
          {"val/grad_norm_avg", report.mean(&UpdateReport::critic_grad_norm)}};
}

Metrics critic_metrics(const Experience& experience, const Advantages& advantages) {
  const auto slots = slots_of_tokens(experience.tokens, experience.value_slots);
  const auto values = host(experience.values).index_select(0, slots);
  const auto returns = host(advantages.returns).index_select(0, slots);
  const Moments moments = Moments::of(returns);
  const double spread = moments.variance();
  Metrics metrics;
  // Equal returns differ by float32's rounding of what they are made of.
  constexpr double kRounding = 1e-12;  // of their mean square
  if (spread > kRounding * moments.sum_sq / moments.count) {
    metrics.emplace_back("val/explained_variance", 1 - Moments::of(returns - values).variance() / spread);
  }
  metrics.emplace_back("val/value_mean", mean_of(values));
  metrics.emplace_back("val/return_mean", mean_of(returns));
  return metrics;
}

Metrics response_metrics(const TrajectoryView& trajectories, int64_t min_response_length,
                         const DecodeTokens& decode) {
  const Segments segments = response_segments(trajectories);
  const auto lengths = segments.lengths();
  const double count = static_cast<double>(trajectories.size());
  const auto ended = static_cast<double>(std::count_if(trajectories.begin(), trajectories.end(), finished));
  Metrics metrics{
      {"response/length_mean", static_cast<double>(segments.total()) / count},
      {"response/length_min", static_cast<double>(*std::min_element(lengths.begin(), lengths.end()))},
      {"response/length_max", static_cast<double>(segments.longest())},
      {"response/eos_fraction", ended / count},
      {"val/num_eos_tokens", ended}};
  if (min_response_length > 0) {
    const auto is_short = [&](int64_t length) { return length < min_response_length; };
    metrics.emplace_back(
        "response/short_fraction",
        static_cast<double>(std::count_if(lengths.begin(), lengths.end(), is_short)) / count);
  }
  metrics.emplace_back("response/distinct_1", distinct_ngrams(trajectories, 1));
  metrics.emplace_back("response/distinct_2", distinct_ngrams(trajectories, 2));
  if (decode) {
    double repeated = 0;
    for (const Trajectory* t : trajectories) {
      repeated += repeated_words(decode(t->response_ids));
    }
    metrics.emplace_back("response/repeated_words", repeated / count);
  }
  return metrics;
}

double distinct_ngrams(const TrajectoryView& trajectories, size_t n) {
  std::set<std::vector<TokenId>> seen;
  size_t total = 0;
  for (const Trajectory* t : trajectories) {
    const size_t length = t->response_ids.size() - (finished(t) ? 1 : 0);
    for (size_t begin = 0; begin + n <= length; ++begin, ++total) {
      const auto first = t->response_ids.begin() + static_cast<std::ptrdiff_t>(begin);
      seen.emplace(first, first + static_cast<std::ptrdiff_t>(n));
    }
  }
  return total == 0 ? 0.0 : static_cast<double>(seen.size()) / static_cast<double>(total);
}

double repeated_words(const std::string& text) {
  std::istringstream words(text);
  std::set<std::string> seen;
  size_t total = 0, repeated = 0;
  for (std::string word; words >> word; ++total) {
    repeated += seen.insert(bare_word(word)).second ? 0 : 1;
  }
  return total == 0 ? 0.0 : static_cast<double>(repeated) / static_cast<double>(total);
}

}  // namespace rlhf
