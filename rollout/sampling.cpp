#include "rollout/sampling.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>

#include "contract/error.h"
#include "model/cpu_kernels.h"
#include "model/parallel.h"

namespace rlhf {
namespace {

// What a row is drawn from, in memory that each thread keeps.
struct Workspace {
  std::vector<float> penalised, weights;  // a place a token
  std::vector<double> block_sums;         // of the weights
  std::vector<TokenId> seen;
  std::vector<uint64_t> kept;  // WeighedToken
  std::vector<double> kept_weights;
};

Workspace& workspace() {
  static thread_local Workspace kept;
  return kept;
}

// A repeated token's logit is divided by the penalty when positive, multiplied when negative (Keskar et al.
// 2019, arXiv 1909.05858).
void penalise_repetition(const std::vector<TokenId>& context, double penalty, Workspace& w) {
  w.seen.assign(context.begin(), context.end());
  std::sort(w.seen.begin(), w.seen.end());
  w.seen.erase(std::unique(w.seen.begin(), w.seen.end()), w.seen.end());
  for (const TokenId id : w.seen) {
    float& logit = w.penalised[static_cast<size_t>(id)];
    logit = static_cast<float>(logit > 0 ? logit / penalty : logit * penalty);
  }
}

struct Softmax {
  float largest;  // logit
  double total;   // of the weights, which are e^(scale (logit - largest))
};

Softmax weigh(const float* logits, int64_t count, float scale, Workspace& w) {
  w.weights.resize(static_cast<size_t>(count));
  w.block_sums.resize(static_cast<size_t>((count + cpu::kWeightBlock - 1) / cpu::kWeightBlock));
  const float largest = cpu::softmax_weights(logits, count, scale, w.weights.data(), w.block_sums.data());
  return {largest, std::accumulate(w.block_sums.begin(), w.block_sums.end(), 0.0)};
}

// A token with its weight, so that the larger of two is the likelier, and of equally likely ones the first:
// weights are not negative, and such floats are ordered as their bits.
using WeighedToken = uint64_t;

WeighedToken weighed(float weight, size_t id) {
  return uint64_t{std::bit_cast<uint32_t>(weight)} << 32 | ~static_cast<uint32_t>(id);
}
double weight_of(WeighedToken token) {
  return std::bit_cast<float>(static_cast<uint32_t>(token >> 32));
}
size_t id_of(WeighedToken token) {
  return ~static_cast<uint32_t>(token);
}

// Leaves in `kept` the `count` likeliest tokens, in any order.
void keep_likeliest(size_t count, Workspace& w) {
  w.kept.clear();
  const auto cut = [&] {
    std::nth_element(w.kept.begin(), w.kept.begin() + static_cast<std::ptrdiff_t>(count) - 1, w.kept.end(),
                     std::greater<>());
    w.kept.resize(count);
  };
  WeighedToken least = 0;
  for (size_t i = 0; i < w.weights.size(); ++i) {
    const WeighedToken token = weighed(w.weights[i], i);
    if (token < least) continue;
    w.kept.push_back(token);
    if (w.kept.size() < 4 * count) continue;
    cut();
    least = w.kept.back();
  }
  if (w.kept.size() > count) cut();
}

// Leaves in `kept` the tokens of at least this weight, and returns their weight together.
double keep_above(double bound, Workspace& w) {
  w.kept.clear();
  double mass = 0;
  for (size_t i = 0; i < w.weights.size(); ++i) {
    if (static_cast<double>(w.weights[i]) < bound) continue;
    w.kept.push_back(weighed(w.weights[i], i));
    mass += static_cast<double>(w.weights[i]);
  }
  return mass;
}

// Leaves in `kept` the tokens that survive top-k, top-p and min-p, most likely first; returns their weight.
double filter(const SamplingOptions& options, double total, Workspace& w) {
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < w.weights.size()) {
    keep_likeliest(static_cast<size_t>(options.top_k), w);
    total = 0;
    for (const WeighedToken token : w.kept) total += weight_of(token);
  } else {
    // Only what may be kept is sorted: tokens above a bound (the largest weight is 1) that falls until they
    // hold top_p. All tokens below the lowest bound together weigh less than what top-p leaves out; both
    // bounds leave room for rounding.
    constexpr double kFirstBound = 1e-3, kStep = 0.03, kRoom = 1 + 1e-9;
    const double lowest =
        std::max(options.min_p, (1 - options.top_p) * total / (2 * static_cast<double>(w.weights.size())));
    double bound = options.top_p < 1 ? std::max(kFirstBound, lowest) : lowest;
    while (keep_above(bound, w) < options.top_p * total * kRoom && bound > lowest)
      bound = std::max(bound * kStep, lowest);
  }
  std::sort(w.kept.begin(), w.kept.end(), std::greater<>());

  // The fewest tokens whose mass reaches top_p, and at least one.
  double mass = 0;
  const double largest = weight_of(w.kept.front());
  w.kept_weights.clear();
  for (const WeighedToken token : w.kept) {
    const double weight = weight_of(token);
    const bool enough = options.top_p < 1.0 && mass >= options.top_p * total;
    if (!w.kept_weights.empty() && (enough || weight < options.min_p * largest)) break;
    mass += weight;
    w.kept_weights.push_back(weight);
  }
  return mass;
}

// The first place at which the weights up to it exceed `wanted`; the last that has a weight when rounding
// left `wanted` above their sum.
template <typename Weight>
size_t inverse_cdf(const Weight* weights, size_t count, double wanted) {
  double mass = 0;
  size_t last_possible = 0;
  for (size_t i = 0; i < count; ++i) {
    if (weights[i] <= 0) continue;
    mass += weights[i];
    last_possible = i;
    if (mass > wanted) return i;
  }
  return last_possible;
}

// The same over all weights of the workspace: first which block, then which of its tokens.
size_t inverse_cdf_in_blocks(const Workspace& w, double wanted) {
  const size_t block = inverse_cdf(w.block_sums.data(), w.block_sums.size(), wanted);
  for (size_t before = 0; before < block; ++before) wanted -= w.block_sums[before];
  const size_t begin = block * static_cast<size_t>(cpu::kWeightBlock);
  const size_t count = std::min(static_cast<size_t>(cpu::kWeightBlock), w.weights.size() - begin);
  return begin + inverse_cdf(w.weights.data() + begin, count, wanted);
}

size_t draw(const SamplingOptions& options, const DrawKey& key, double total, Workspace& w) {
  const double uniform = uniform_draw(key);
  if (options.top_k == 0 && options.top_p == 1.0 && options.min_p == 0)
    return inverse_cdf_in_blocks(w, uniform * total);
  const double kept_total = filter(options, total, w);
  return id_of(w.kept[inverse_cdf(w.kept_weights.data(), w.kept_weights.size(), uniform * kept_total)]);
}

}  // namespace

void check_sampling_options(const SamplingOptions& o) {
  const auto require = [](bool good, const char* message) {
    if (!good) throw UserError(message);
  };
  require(std::isfinite(o.temperature) && o.temperature >= 0, "--temperature must be 0 (greedy) or above");
  require(o.temperature == 0 || o.temperature >= kLeastTemperature,
          "--temperature is too near 0 for float32 logits; 0 takes the likeliest token");
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
    Workspace& w = workspace();
    for (int64_t b = begin; b < end; ++b) {
      const auto place = static_cast<size_t>(b);
      const float* row = rows.const_data_ptr<float>() + b * vocabulary;
      const Softmax softmax = weigh(row, vocabulary, scale, w);
      const float* drawn_from = row;
      double drawn_total = softmax.total;
      if (options.repetition_penalty != 1.0) {
        w.penalised.assign(row, row + vocabulary);
        penalise_repetition(*contexts[place], options.repetition_penalty, w);
        drawn_from = w.penalised.data();
        drawn_total = weigh(drawn_from, vocabulary, scale, w).total;
      }
      const size_t chosen =
          greedy ? static_cast<size_t>(std::max_element(drawn_from, drawn_from + vocabulary) - drawn_from)
                 : draw(options, keys[place], drawn_total, w);
      sampled.token_ids[place] = static_cast<TokenId>(chosen);
      sampled.logprobs[place] = static_cast<float>(
          static_cast<double>((row[chosen] - softmax.largest) * scale) - std::log(softmax.total));
    }
  });
  return sampled;
}

}  // namespace rlhf
