// Filters and draws against probabilities worked out in scalar loops, in the order of transformers' logits
// processors.
#include "rollout/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "contract/error.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

const std::vector<double> kLogits{0.3, -1.2, 2.1, 0.9, -0.4, 1.7, -3.0, 0.1};
const std::vector<TokenId> kContext{2, 6, 2};

using Probabilities = std::vector<double>;

Probabilities softmax(const std::vector<double>& logits) {
  double total = 0;
  Probabilities p;
  for (const double logit : logits) total += p.emplace_back(std::exp(logit));
  for (double& x : p) x /= total;
  return p;
}

/// Zeroes what `keep` refuses, and makes the rest add up to 1.
template <typename Keep>
Probabilities filtered(Probabilities p, Keep keep) {
  double total = 0;
  for (size_t i = 0; i < p.size(); ++i) total += p[i] = keep(i) ? p[i] : 0;
  for (double& x : p) x /= total;
  return p;
}

/// How many tokens are likelier than token i, and their mass.
std::pair<int, double> likelier(const Probabilities& p, size_t i) {
  std::pair<int, double> found{0, 0.0};
  for (const double x : p) {
    if (x <= p[i]) continue;
    ++found.first;
    found.second += x;
  }
  return found;
}

/// What is to be drawn from: repetition penalty, temperature, top-k, top-p, min-p, one after the other.
Probabilities reference(const SamplingOptions& o) {
  std::vector<double> logits = kLogits;
  if (o.repetition_penalty != 1.0)
    for (const size_t seen : {2u, 6u})
      logits[seen] =
          logits[seen] > 0 ? logits[seen] / o.repetition_penalty : logits[seen] * o.repetition_penalty;
  for (double& logit : logits) logit /= o.temperature;
  Probabilities p = softmax(logits);
  if (o.top_k > 0) p = filtered(p, [&, q = p](size_t i) { return likelier(q, i).first < o.top_k; });
  if (o.top_p < 1) p = filtered(p, [&, q = p](size_t i) { return likelier(q, i).second < o.top_p; });
  if (o.min_p > 0) {
    const double least = o.min_p * *std::max_element(p.begin(), p.end());
    p = filtered(p, [&, q = p](size_t i) { return q[i] >= least; });
  }
  return p;
}

SampledTokens draw(const SamplingOptions& options, int64_t rows) {
  const auto row = torch::tensor(kLogits, torch::kFloat64);
  std::vector<DrawKey> keys;
  for (int64_t i = 0; i < rows; ++i) keys.push_back({5, 0, i, 0, 0});
  return sample_tokens(row.expand({rows, row.size(0)}), options, keys,
                       std::vector<const std::vector<TokenId>*>(static_cast<size_t>(rows), &kContext));
}

/// Chi-square of the frequencies of many draws; what a filter refuses is never drawn.
double chi_square(const SamplingOptions& options) {
  constexpr int64_t kDraws = 20000;
  const Probabilities expected = reference(options);
  std::vector<double> counts(expected.size(), 0);
  for (const TokenId id : draw(options, kDraws).token_ids) ++counts[static_cast<size_t>(id)];
  double sum = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double wanted = expected[i] * kDraws;
    if (wanted == 0) CHECK(counts[i] == 0);
    if (wanted >= 5) sum += (counts[i] - wanted) * (counts[i] - wanted) / wanted;
  }
  return sum;
}

size_t support(const SamplingOptions& options) {
  const Probabilities p = reference(options);
  return static_cast<size_t>(std::count_if(p.begin(), p.end(), [](double x) { return x > 0; }));
}

}  // namespace

TEST_CASE("frequencies are the probabilities that temperature, penalty and filters leave") {
  constexpr double kBound = 24.3;  // 7 degrees of freedom, p = 0.001
  CHECK(chi_square({}) < kBound);
  CHECK(chi_square({.temperature = 0.5}) < kBound);
  CHECK(chi_square({.temperature = 2.0}) < kBound);
  CHECK(chi_square({.top_k = 3}) < kBound);
  CHECK(chi_square({.top_k = 1}) < kBound);
  CHECK(chi_square({.top_k = 8}) < kBound);
  CHECK(chi_square({.top_p = 0.69}) < kBound);
  CHECK(chi_square({.top_p = 0.70}) < kBound);
  CHECK(chi_square({.top_p = 1e-9}) < kBound);
  CHECK(chi_square({.min_p = 0.1}) < kBound);
  CHECK(chi_square({.repetition_penalty = 1.5}) < kBound);
  CHECK(
      chi_square({.temperature = 0.7, .top_k = 6, .top_p = 0.95, .min_p = 0.03, .repetition_penalty = 1.2}) <
      kBound);
}

TEST_CASE("the scalar reference keeps as many tokens as its filters say") {
  CHECK(support({.top_k = 3}) == 3);
  CHECK(support({.top_p = 1e-9}) == 1);
  // 0.4171, 0.2796, 0.1256, 0.0689 are the likeliest: the first two reach 0.6967.
  CHECK(support({.top_p = 0.69}) == 2);
  CHECK(support({.top_p = 0.70}) == 3);
  CHECK(support({.min_p = 0.1}) == 5);
}

TEST_CASE("log-probabilities are those at the temperature, before penalty and filters") {
  for (const SamplingOptions& options : {SamplingOptions{}, SamplingOptions{.temperature = 0.5},
                                         SamplingOptions{.top_k = 2, .repetition_penalty = 2},
                                         SamplingOptions{.temperature = 1.7, .top_p = 0.8, .min_p = 0.1}}) {
    std::vector<double> logits = kLogits;
    for (double& logit : logits) logit /= options.temperature;
    const Probabilities p = softmax(logits);
    const SampledTokens sampled = draw(options, 50);
    for (size_t i = 0; i < sampled.token_ids.size(); ++i)
      CHECK(sampled.logprobs[i] ==
            Approx(std::log(p[static_cast<size_t>(sampled.token_ids[i])])).epsilon(1e-6));
  }
}

TEST_CASE("temperature 0 takes the likeliest token, after the penalty, and reports temperature 1") {
  const SampledTokens greedy = draw({.temperature = 0}, 3);
  CHECK(greedy.token_ids == std::vector<TokenId>{2, 2, 2});
  CHECK(greedy.logprobs[0] == Approx(std::log(softmax(kLogits)[2])).epsilon(1e-6));
  const SampledTokens penalised = draw({.temperature = 0, .repetition_penalty = 1.5}, 1);
  CHECK(penalised.token_ids[0] == 5);
  CHECK(penalised.logprobs[0] == Approx(std::log(softmax(kLogits)[5])).epsilon(1e-6));
}

TEST_CASE("a row's draw depends on its own logits and key alone") {
  const auto logits = torch::randn({7, 40}, torch::kFloat32) * 2;
  std::vector<DrawKey> keys;
  for (int64_t i = 0; i < 7; ++i) keys.push_back({3, 1, i, 0, i * i});
  const SamplingOptions options{.temperature = 0.8, .top_p = 0.9};
  const SampledTokens together = sample_tokens(logits, options, keys, {});
  for (int64_t i = 0; i < 7; ++i) {
    const auto at = static_cast<size_t>(i);
    const SampledTokens alone = sample_tokens(logits.narrow(0, i, 1), options, {keys[at]}, {});
    CHECK(alone.token_ids[0] == together.token_ids[at]);
    CHECK(alone.logprobs[0] == together.logprobs[at]);
  }
}

TEST_CASE("filters keep of a large vocabulary what they keep of all tokens sorted") {
  // Two blocks of weights and some, peaked as a language model's: most tokens are never looked at twice.
  constexpr int64_t kVocabulary = 2500, kDraws = 400;
  const auto logits = torch::randn({1, kVocabulary}, torch::kFloat32) * 3;
  const float* row = logits.const_data_ptr<float>();
  std::vector<size_t> order(kVocabulary);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return row[a] > row[b]; });
  for (const SamplingOptions& options :
       {SamplingOptions{}, SamplingOptions{.top_p = 0.9}, SamplingOptions{.top_p = 0.999},
        SamplingOptions{.min_p = 0.01}, SamplingOptions{.top_p = 0.97, .min_p = 0.003},
        SamplingOptions{.top_k = 40, .top_p = 0.9, .min_p = 0.02}}) {
    double total = 0;
    size_t among = options.top_k > 0 ? static_cast<size_t>(options.top_k) : order.size();
    for (size_t i = 0; i < among; ++i) total += std::exp(row[order[i]]);
    size_t kept = 0;
    for (double mass = 0; kept < among && mass < options.top_p * total; ++kept) {
      if (std::exp(row[order[kept]] - row[order[0]]) < options.min_p) break;
      mass += std::exp(row[order[kept]]);
    }
    if (options.top_p == 1.0 && options.min_p == 0) kept = among;
    std::vector<DrawKey> keys;
    for (int64_t i = 0; i < kDraws; ++i) keys.push_back({8, 0, 0, i, 0});
    const SampledTokens sampled = sample_tokens(logits.expand({kDraws, kVocabulary}), options, keys, {});
    // The draw inverts the distribution over tokens in their order (by falling weight when filtered).
    const bool filtered = kept < order.size();
    std::vector<size_t> in_order(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept));
    if (!filtered) std::sort(in_order.begin(), in_order.end());
    double kept_total = 0;
    for (const size_t id : in_order) kept_total += std::exp(row[id]);
    int agree = 0;
    for (size_t i = 0; i < sampled.token_ids.size(); ++i) {
      double mass = 0;
      size_t at = 0;
      const double wanted = uniform_draw(keys[i]) * kept_total;
      while (at + 1 < in_order.size() && (mass += std::exp(row[in_order[at]])) <= wanted) ++at;
      agree += sampled.token_ids[i] == static_cast<TokenId>(in_order[at]) ? 1 : 0;
    }
    CHECK(agree >= kDraws - 1);  // one may fall on a border that rounding moved
  }
}

TEST_CASE("large logits overflow nothing, and impossible tokens are never drawn") {
  const float infinity = std::numeric_limits<float>::infinity();
  const auto logits = torch::tensor({3e4f, -infinity, 3e4f, -3e4f}).expand({200, 4});
  std::vector<DrawKey> keys;
  for (int64_t i = 0; i < 200; ++i) keys.push_back({1, 0, 0, i, 0});
  const SampledTokens sampled = sample_tokens(logits, {}, keys, {});
  const auto zeros = std::count(sampled.token_ids.begin(), sampled.token_ids.end(), 0);
  CHECK((zeros > 60 && zeros < 140));
  CHECK(std::count(sampled.token_ids.begin(), sampled.token_ids.end(), 2) == 200 - zeros);
  for (const float logprob : sampled.logprobs) CHECK(logprob == Approx(std::log(0.5)));
}

TEST_CASE("options that make no sense are refused by their flag") {
  const auto refused = [](SamplingOptions options, const std::string& flag) {
    CHECK_THROWS_WITH(check_sampling_options(options), test::contains(flag));
    CHECK_THROWS_AS(check_sampling_options(options), UserError);
  };
  refused({.temperature = -1}, "--temperature");
  refused({.temperature = std::nan("")}, "--temperature");
  refused({.top_k = -1}, "--top_k");
  refused({.top_p = 0}, "--top_p");
  refused({.min_p = 1.5}, "--min_p");
  refused({.repetition_penalty = 0}, "--repetition_penalty");
  refused({.max_new_tokens = 0}, "--max_new_tokens");
  CHECK_NOTHROW(check_sampling_options({.temperature = 0}));
}
