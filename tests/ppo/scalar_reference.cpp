#include "tests/ppo/scalar_reference.h"

#include <algorithm>
#include <cmath>

namespace rlhf::test {
namespace {

bool is_token(const Episode& e, const ScalarSettings& s, int b, int t) {
  return t - s.mask_shift >= 0 && t - s.mask_shift < e.lengths[static_cast<size_t>(b)];
}

/// The slot after the last token counts as a value slot where there is one.
bool is_slot(const Episode& e, const ScalarSettings& s, int b, int t) {
  return is_token(e, s, b, t) || (s.score_in_next_slot && t < e.slots() && is_token(e, s, b, t - 1));
}

double score_of(const Episode& e, const ScalarSettings& s, int b) {
  const auto i = static_cast<size_t>(b);
  const bool flawed = !e.finished[i] || e.lengths[i] < s.min_length;
  double score = e.scores[i];
  if (flawed && s.missing_eos_score) score = *s.missing_eos_score;
  if (flawed && s.missing_eos_penalty) score -= *s.missing_eos_penalty;
  if (s.clamp) score = std::min(std::max(score, -*s.clamp), *s.clamp);
  return score;
}

double kl_of(const Episode& e, const ScalarSettings& s, size_t b, size_t t) {
  const double l = e.logprobs[b][t], f = e.reference[b][t];
  double kl = s.k3 ? std::exp(f - l) - 1 - (f - l) : l - f;
  if (s.clamp) kl = std::min(std::max(kl, -*s.clamp), *s.clamp);
  return s.kl_sign * kl;
}

}  // namespace

ScalarTargets scalar_targets(const Episode& e, const ScalarSettings& s) {
  const int batch = static_cast<int>(e.lengths.size()), slots = e.slots();
  const Rows zeros(static_cast<size_t>(batch), Row(static_cast<size_t>(slots), 0.0));
  ScalarTargets out{zeros, zeros, zeros, zeros, {}};
  double sum = 0, count = 0;
  for (int b = 0; b < batch; ++b) {
    const auto i = static_cast<size_t>(b);
    out.effective_scores.push_back(score_of(e, s, b));
    int last = e.lengths[i] - 1 + s.score_shift;
    if (s.score_in_next_slot && last + 1 < slots) last += 1;
    for (int t = slots - 1; t >= 0; --t) {
      const auto j = static_cast<size_t>(t);
      if (!is_slot(e, s, b, t)) continue;
      out.rewards[i][j] = (is_token(e, s, b, t) ? -s.beta * kl_of(e, s, i, j) : 0) +
                          (t == std::max(last, 0) ? out.effective_scores.back() : 0);
      const bool more = t + 1 < slots && is_slot(e, s, b, t + 1);
      const double next_value = more ? e.values[i][j + 1] : 0;
      const double next_advantage = more ? out.advantages[i][j + 1] : 0;
      const double delta = out.rewards[i][j] + s.gamma * next_value - e.values[i][j];
      out.advantages[i][j] = delta + s.gamma * s.lambda * next_advantage;
      out.returns[i][j] = out.advantages[i][j] + e.values[i][j];
      if (is_token(e, s, b, t)) sum += out.advantages[i][j], count += 1;
    }
  }
  const double mean = sum / count;
  double squares = 0;
  for (int b = 0; b < batch; ++b)
    for (int t = 0; t < slots; ++t)
      if (is_token(e, s, b, t))
        squares += std::pow(out.advantages[static_cast<size_t>(b)][static_cast<size_t>(t)] - mean, 2);
  const double variance = squares / (s.unbiased ? count - 1 : count);
  const double scale = s.variance_floor ? std::sqrt(std::max(variance, 1e-8)) : std::sqrt(variance + 1e-8);
  for (int b = 0; b < batch; ++b)
    for (int t = 0; t < slots; ++t) {
      const auto i = static_cast<size_t>(b), j = static_cast<size_t>(t);
      if (is_token(e, s, b, t)) out.whitened[i][j] = (out.advantages[i][j] - mean) / scale;
    }
  return out;
}

ScalarLoss scalar_loss(const Episode& e, const ScalarTargets& targets, const Update& update,
                       const ScalarSettings& s) {
  ScalarLoss out;
  double tokens = 0, slots = 0, ratio_sq = 0;
  for (size_t i = 0; i < e.lengths.size(); ++i) {
    for (size_t j = 0; j < static_cast<size_t>(e.slots()); ++j) {
      if (is_token(e, s, static_cast<int>(i), static_cast<int>(j))) {
        const double log_ratio = update.logprobs[i][j] - e.logprobs[i][j], ratio = std::exp(log_ratio);
        const double a = targets.whitened[i][j];
        const double plain = -a * ratio, clipped = -a * std::min(std::max(ratio, 1 - s.eps), 1 + s.eps);
        out.policy += std::max(plain, clipped);
        out.clip_fraction += clipped > plain ? 1 : 0;
        out.approx_kl += 0.5 * log_ratio * log_ratio;
        out.ratio += ratio;
        ratio_sq += ratio * ratio;
        out.entropy += update.entropy[i][j];
        tokens += 1;
      }
      if (is_slot(e, s, static_cast<int>(i), static_cast<int>(j))) {
        const double v = update.values[i][j], old = e.values[i][j], target = targets.returns[i][j];
        const double moved = std::min(std::max(v, old - s.eps_value), old + s.eps_value);
        const double plain = (v - target) * (v - target), clipped = (moved - target) * (moved - target);
        out.value += 0.5 * std::max(plain, clipped);
        out.value_clip_fraction += clipped > plain ? 1 : 0;
        slots += 1;
      }
    }
  }
  for (double* mean : {&out.policy, &out.clip_fraction, &out.approx_kl, &out.ratio, &out.entropy})
    *mean /= tokens;
  for (double* mean : {&out.value, &out.value_clip_fraction}) *mean /= slots;
  out.ratio_variance = ratio_sq / tokens - out.ratio * out.ratio;
  return out;
}

}  // namespace rlhf::test
