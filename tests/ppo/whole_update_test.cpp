// A whole PPO update, experience to weights, against plain loops: a policy that is a table of logits and a
// critic that is a table of values, both read by the token before. Two epochs of two minibatches, gradient
// clipping and AdamW included.
#include <cmath>

#include "ppo/advantages.h"
#include "ppo/loss.h"
#include "ppo/reward_shaping.h"
#include "tests/ppo/episodes.h"
#include "tests/support/catch.h"
#include "train/optimizer_step.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

constexpr size_t kVocabulary = 5;
constexpr double kRate = 0.05, kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8, kDecay = 0.01, kMaxNorm = 0.05;

/// Responses as ids; the token before the first is `before`.
struct Text {
  std::vector<int> before;
  std::vector<std::vector<int>> tokens;
  int previous(size_t b, size_t t) const { return t == 0 ? before[b] : tokens[b][t - 1]; }
};

const Text kText{{0, 1, 3, 4}, {{1, 2, 2, 4, 0}, {3}, {0, 3, 1}, {2, 2, 0, 1}}};
const std::vector<std::vector<size_t>> kMinibatches{{2, 0}, {3, 1}, {1, 2}, {0, 3}};  // two epochs of two

double start_logit(size_t i, size_t j) {
  return std::sin(1.3 * static_cast<double>(i) + 2.1 * static_cast<double>(j));
}
double start_value(size_t i) {
  return 0.3 * std::cos(2.0 * static_cast<double>(i));
}
double reference_logit(size_t i, size_t j) {
  return 0.8 * start_logit(i, j) + 0.1 * static_cast<double>(j);
}

using Table = std::vector<Row>;

double log_probability(const Table& logits, int from, int to) {
  double sum = 0;
  for (double z : logits[static_cast<size_t>(from)]) sum += std::exp(z);
  return logits[static_cast<size_t>(from)][static_cast<size_t>(to)] - std::log(sum);
}

/// AdamW with decoupled decay on one table, the gradient clipped by its norm first.
class ScalarAdamW {
 public:
  explicit ScalarAdamW(const Table& like) : m_(like.size(), Row(like[0].size())), v_(m_) {}
  void step(Table& weights, Table gradient, double decay) {
    double norm = 0;
    for (const Row& row : gradient)
      for (double g : row) norm += g * g;
    const double scale = std::min(1.0, kMaxNorm / (std::sqrt(norm) + 1e-6));
    ++steps_;
    for (size_t i = 0; i < weights.size(); ++i)
      for (size_t j = 0; j < weights[i].size(); ++j) {
        const double g = gradient[i][j] * scale;
        m_[i][j] = kBeta1 * m_[i][j] + (1 - kBeta1) * g;
        v_[i][j] = kBeta2 * v_[i][j] + (1 - kBeta2) * g * g;
        const double m = m_[i][j] / (1 - std::pow(kBeta1, steps_)),
                     v = v_[i][j] / (1 - std::pow(kBeta2, steps_));
        weights[i][j] -= kRate * (decay * weights[i][j] + m / (std::sqrt(v) + kEpsilon));
      }
  }

 private:
  Table m_, v_;
  double steps_ = 0;
};

struct Weights {
  Table logits{kVocabulary, Row(kVocabulary)};
  Table values{kVocabulary, Row(1)};
};

Weights start() {
  Weights w;
  for (size_t i = 0; i < kVocabulary; ++i) {
    for (size_t j = 0; j < kVocabulary; ++j) w.logits[i][j] = start_logit(i, j);
    w.values[i][0] = start_value(i);
  }
  return w;
}

Episode episode(const Weights& w) {
  Table reference{kVocabulary, Row(kVocabulary)};
  for (size_t i = 0; i < kVocabulary; ++i)
    for (size_t j = 0; j < kVocabulary; ++j) reference[i][j] = reference_logit(i, j);
  Episode e;
  e.finished = {true, true, false, true};
  e.scores = {1.0, -0.5, 0.8, 0.2};
  for (size_t b = 0; b < kText.tokens.size(); ++b) {
    e.lengths.push_back(static_cast<int>(kText.tokens[b].size()));
    Row l(5), f(5), v(5);
    for (size_t t = 0; t < kText.tokens[b].size(); ++t) {
      l[t] = log_probability(w.logits, kText.previous(b, t), kText.tokens[b][t]);
      f[t] = log_probability(reference, kText.previous(b, t), kText.tokens[b][t]);
      v[t] = w.values[static_cast<size_t>(kText.previous(b, t))][0];
    }
    e.logprobs.push_back(l), e.reference.push_back(f), e.values.push_back(v);
  }
  return e;
}

/// Gradients by the chain rule, by hand: d log p(a) / d z_j = [a = j] - p_j.
Weights scalar_update(const Episode& e, const ScalarSettings& s) {
  const auto targets = scalar_targets(e, s);
  Weights w = start();
  ScalarAdamW policy(w.logits), critic(w.values);
  for (const auto& minibatch : kMinibatches) {
    Table by_logit(kVocabulary, Row(kVocabulary)), by_value(kVocabulary, Row(1));
    double count = 0;
    for (size_t b : minibatch) count += e.lengths[b];
    for (size_t b : minibatch) {
      for (size_t t = 0; t < static_cast<size_t>(e.lengths[b]); ++t) {
        const auto from = static_cast<size_t>(kText.previous(b, t)),
                   to = static_cast<size_t>(kText.tokens[b][t]);
        const double l = log_probability(w.logits, static_cast<int>(from), static_cast<int>(to));
        const double ratio = std::exp(l - e.logprobs[b][t]), a = targets.whitened[b][t];
        const bool clipped = (a > 0 && ratio > 1 + s.eps) || (a < 0 && ratio < 1 - s.eps);
        const double by_logprob = clipped ? 0 : -a * ratio / count;
        for (size_t j = 0; j < kVocabulary; ++j) {
          const double p = std::exp(log_probability(w.logits, static_cast<int>(from), static_cast<int>(j)));
          by_logit[from][j] += by_logprob * ((j == to ? 1 : 0) - p);
        }
        const double v = w.values[from][0], old = e.values[b][t], target = targets.returns[b][t];
        const double moved = std::min(std::max(v, old - s.eps_value), old + s.eps_value);
        const bool value_clipped =
            moved != v && (moved - target) * (moved - target) > (v - target) * (v - target);
        by_value[from][0] += value_clipped ? 0 : s.vf_coef * (v - target) / count;
      }
    }
    policy.step(w.logits, by_logit, kDecay);
    critic.step(w.values, by_value, kDecay);
  }
  return w;
}

torch::Tensor table(const Table& rows) {
  std::vector<torch::Tensor> out;
  for (const Row& row : rows) out.push_back(torch::tensor(row, torch::kFloat64));
  return torch::stack(out);
}

struct TorchWeights {
  torch::Tensor logits, values;
};

TorchWeights torch_update(const Episode& e, const ScalarSettings& s) {
  const auto targets = targets_of(e, s);
  const auto convention = convention_of(s);
  TorchWeights w{table(start().logits).requires_grad_(), table(start().values).requires_grad_()};
  const auto collective = Collective::single();
  const AdamWOptions adamw{kBeta1, kBeta2, kEpsilon, kDecay, kMaxNorm, 1};
  OptimizerStep policy({{"logits", w.logits}}, adamw, *collective, "policy.");
  OptimizerStep critic({{"values", w.values}}, adamw, *collective, "critic.");
  const auto& tokens = targets.experience.tokens;
  for (const auto& minibatch : kMinibatches) {
    const double count = static_cast<double>(tokens.select({minibatch.begin(), minibatch.end()}).total());
    for (size_t b : minibatch) {  // one micro-batch a response
      std::vector<int64_t> from, to;
      for (size_t t = 0; t < kText.tokens[b].size(); ++t) {
        from.push_back(kText.previous(b, t));
        to.push_back(kText.tokens[b][t]);
      }
      const auto rows = tokens.rows({static_cast<int64_t>(b)});
      const auto pick = [&](const torch::Tensor& x) { return x.index_select(0, rows); };
      const auto logp = torch::log_softmax(w.logits, 1).index({torch::tensor(from), torch::tensor(to)});
      policy_loss({logp, torch::zeros_like(logp), pick(targets.experience.logprobs),
                   pick(targets.advantages.whitened)},
                  convention, count)
          .loss.backward();
      value_loss({w.values.squeeze(1).index({torch::tensor(from)}), pick(targets.experience.values),
                  pick(targets.advantages.returns)},
                 convention, count)
          .loss.backward();
    }
    policy.step(kRate);
    critic.step(kRate);
  }
  return w;
}

ScalarSettings settings() {
  ScalarSettings s;
  s.beta = 0.2;
  s.missing_eos_score = -1;
  s.eps = 0.05;  // the moves of this update reach the clip
  s.eps_value = 0.05;
  return s;
}

}  // namespace

TEST_CASE("a whole update of tabular networks equals the one written in plain loops") {
  const auto e = episode(start());
  const auto expected = scalar_update(e, settings());
  const auto found = torch_update(e, settings());
  CHECK(largest_difference(found.logits, table(expected.logits)) < 1e-6);
  CHECK(largest_difference(found.values, table(expected.values)) < 1e-6);
  CHECK(largest_difference(found.logits, table(start().logits)) > 0.05);
  CHECK(largest_difference(found.values, table(start().values)) > 0.05);
}

TEST_CASE("a whole update notices a wrong sign, a misplaced score and a shifted mask") {
  const auto e = episode(start());
  const auto found = torch_update(e, settings());
  for (int mistake = 0; mistake < 3; ++mistake) {
    auto wrong = settings();
    if (mistake == 0) wrong.kl_sign = -1;
    if (mistake == 1) wrong.score_shift = -1;
    if (mistake == 2) wrong.mask_shift = 1;
    CHECK(largest_difference(found.logits, table(scalar_update(e, wrong).logits)) > 1e-3);
  }
}
