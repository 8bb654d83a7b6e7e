#include "rollout/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "contract/error.h"
#include "model/parallel.h"

namespace rlhf {
namespace {

// Sum in a fixed order of sixteen lanes: the compiler makes vectors of it, and the bits do not depend on the
// machine's width.
double sum_exp(const float* logits, int64_t count, float scale, float shift, float* exps) {
  constexpr int64_t kLanes = 16;
  float lanes[kLanes] = {};
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += kLanes) {
    const int64_t lanes_here = std::min(kLanes, count - begin);
    for (int64_t lane = 0; lane < lanes_here; ++lane) {
      exps[begin + lane] = std::exp((logits[begin + lane] - shift) * scale);
      lanes[lane] += exps[begin + lane];
    }
  }
  for (const float lane : lanes) total += lane;
  return total;
}

// A repeated token's logit is divided by the penalty when positive, multiplied when negative (Keskar et al.
// 2019, arXiv 1909.05858).
void penalise_repetition(std::vector<float>& logits, const std::vector<TokenId>& context, double penalty) {
  std::vector<TokenId> seen(context);
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const TokenId id : seen) {
    float& logit = logits[static_cast<size_t>(id)];
    logit = static_cast<float>(logit > 0 ? logit / penalty : logit * penalty);
  }
}

struct Candidates {
  std::vector<TokenId> ids;
  std::vector<double> weights;  // unnormalised probabilities
};

// The tokens that survive top-k, top-p and min-p, most likely first.
Candidates filtered(const std::vector<float>& exps, const SamplingOptions& options) {
  Candidates kept;
  kept.ids.resize(exps.size());
  std::iota(kept.ids.begin(), kept.ids.end(), 0);
  const auto likelier = [&](TokenId a, TokenId b) {
    const float x = exps[static_cast<size_t>(a)], y = exps[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < kept.ids.size()) {
    std::nth_element(kept.ids.begin(), kept.ids.begin() + options.top_k - 1, kept.ids.end(), likelier);
    kept.ids.resize(static_cast<size_t>(options.top_k));
  }
  std::sort(kept.ids.begin(), kept.ids.end(), likelier);

  double total = 0;
  for (const TokenId id : kept.ids) total += exps[static_cast<size_t>(id)];
  // Keep the fewest tokens whose mass reaches top_p, and at least one.
  double mass = 0;
  const double largest = exps[static_cast<size_t>(kept.ids.front())];
  for (size_t i = 0; i < kept.ids.size(); ++i) {
    const double weight = exps[static_cast<size_t>(kept.ids[i])];
    const bool enough = options.top_p < 1.0 && mass >= options.top_p * total;
    if (i > 0 && (enough || weight < options.min_p * largest)) {
      kept.ids.resize(i);
      break;
    }
    mass += weight;
    kept.weights.push_back(weight);
  }
  return kept;
}

template <typename Weights>
size_t inverse_cdf(const Weights& weights, double total, double uniform) {
  const double wanted = uniform * total;
  double mass = 0;
  size_t last_possible = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    mass += weights[i];
    last_possible = i;
    if (mass > wanted) return i;
  }
  return last_possible;  // rounding left the total above the mass
}

}  // namespace

void check_sampling_options(const SamplingOptions& o) {
  const auto require = [](bool good, const char* message) {
    if (!good) throw UserError(message);
  };
  require(std::isfinite(o.temperature) && o.temperature >= 0, "--temperature must be 0 (greedy) or above");
  require(o.top_k >= 0, "--top_k must be 0 (off) or above");
  require(o.top_p > 0 && o.top_p <= 1, "--top_p must lie in (0, 1]");
  require(o.min_p >= 0 && o.min_p <= 1, "--min_p must lie in [0, 1]");
  require(std::isfinite(o.repetition_penalty) && o.repetition_penalty > 0,
          "--repetition_penalty must be above 0");
  require(o.max_new_tokens > 0, "--max_new_tokens must be at least 1");
}

SampledTokens sample_tokens(const torch::Tensor& logits, const SamplingOptions& options,
                            const std::vector<DrawKey>& keys,
                            const std::vector<const std::vector<TokenId>*>& contexts) {
  const torch::Tensor rows = logits.to(torch::kFloat32).contiguous();
  const int64_t count = rows.size(0), vocabulary = rows.size(1);
  const bool greedy = options.temperature == 0;
  const auto scale = static_cast<float>(greedy ? 1.0 : 1.0 / options.temperature);
  SampledTokens sampled;
  sampled.token_ids.resize(static_cast<size_t>(count));
  sampled.logprobs.resize(static_cast<size_t>(count));

  parallel_for(count, 1, [&](int64_t begin, int64_t end) {
    std::vector<float> exps(static_cast<size_t>(vocabulary));
    for (int64_t b = begin; b < end; ++b) {
      const float* row = rows.data_ptr<float>() + b * vocabulary;
      const float largest = *std::max_element(row, row + vocabulary);
      const double total = sum_exp(row, vocabulary, scale, largest, exps.data());
      const double log_total = std::log(total);

      std::vector<float> penalised;
      double drawn_total = total;
      const float* drawn_from = row;
      if (options.repetition_penalty != 1.0) {
        penalised.assign(row, row + vocabulary);
        penalise_repetition(penalised, *contexts[static_cast<size_t>(b)], options.repetition_penalty);
        drawn_from = penalised.data();
        drawn_total = sum_exp(drawn_from, vocabulary, scale,
                              *std::max_element(penalised.begin(), penalised.end()), exps.data());
      }
      size_t chosen = 0;
      if (greedy) {
        chosen = static_cast<size_t>(std::max_element(drawn_from, drawn_from + vocabulary) - drawn_from);
      } else if (const double uniform = uniform_draw(keys[static_cast<size_t>(b)]);
                 options.top_k > 0 || options.top_p < 1.0 || options.min_p > 0) {
        const Candidates kept = filtered(exps, options);
        const double mass = std::accumulate(kept.weights.begin(), kept.weights.end(), 0.0);
        chosen = static_cast<size_t>(kept.ids[inverse_cdf(kept.weights, mass, uniform)]);
      } else {
        chosen = inverse_cdf(exps, drawn_total, uniform);
      }
      sampled.token_ids[static_cast<size_t>(b)] = static_cast<TokenId>(chosen);
      sampled.logprobs[static_cast<size_t>(b)] =
          static_cast<float>(static_cast<double>((row[chosen] - largest) * scale) - log_total);
    }
  });
  return sampled;
}

}  // namespace rlhf
