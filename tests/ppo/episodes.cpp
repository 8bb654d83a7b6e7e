#include "tests/ppo/episodes.h"

#include <random>

namespace rlhf::test {

Episode random_episode(unsigned seed, int batch, int slots) {
  std::mt19937 draw(seed);
  std::normal_distribution<double> normal;
  Episode e;
  for (int b = 0; b < batch; ++b) {
    const int length = b == 0   ? slots
                       : b == 1 ? 1
                                : 1 + static_cast<int>(draw() % static_cast<unsigned>(slots));
    e.lengths.push_back(length);
    e.finished.push_back(b != 0);
    e.scores.push_back(normal(draw));
    Row l(static_cast<size_t>(slots)), f(l), v(l);
    for (int t = 0; t < slots; ++t) {
      const auto j = static_cast<size_t>(t);
      v[j] = t <= length ? normal(draw) : 0;
      if (t < length) {
        l[j] = -std::abs(normal(draw)) - 0.1;
        f[j] = l[j] + 0.5 * normal(draw);
      }
    }
    e.logprobs.push_back(l), e.reference.push_back(f), e.values.push_back(v);
  }
  return e;
}

Update random_update(unsigned seed, const Episode& e) {
  std::mt19937 draw(seed);
  std::normal_distribution<double> normal;
  Update u{e.logprobs, e.logprobs, e.values};
  for (size_t b = 0; b < e.lengths.size(); ++b) {
    for (size_t t = 0; t < e.logprobs[b].size(); ++t) {
      u.logprobs[b][t] += 0.3 * normal(draw);
      u.entropy[b][t] = std::abs(normal(draw));
      u.values[b][t] += 0.4 * normal(draw);
    }
  }
  return u;
}

torch::Tensor packed(const Rows& rows, const Segments& segments) {
  std::vector<double> flat;
  for (int64_t s = 0; s < segments.count(); ++s) {
    for (int64_t t = 0; t < segments.length(s); ++t) {
      flat.push_back(rows[static_cast<size_t>(s)][static_cast<size_t>(t)]);
    }
  }
  return torch::tensor(flat, torch::kFloat64);
}

Experience experience_of(const Episode& e, const Convention& convention) {
  const auto tokens = Segments::of_lengths({e.lengths.begin(), e.lengths.end()});
  const auto slots = value_slots_of(tokens, convention, e.slots());
  return {tokens,
          slots,
          packed(e.logprobs, tokens),
          packed(e.reference, tokens),
          packed(e.values, slots),
          torch::tensor(e.scores, torch::kFloat64),
          torch::zeros({tokens.count()}, torch::kFloat64),
          e.finished};
}

Convention convention_of(const ScalarSettings& s) {
  Convention c;
  c.score_after_last_token = s.score_in_next_slot;
  c.score_clip = s.clamp;
  c.kl_clamp = s.clamp;
  c.gamma = s.gamma;
  c.lambda = s.lambda;
  c.whitening.unbiased_variance = s.unbiased;
  c.whitening.epsilon_is_floor = s.variance_floor;
  c.cliprange = s.eps;
  c.cliprange_value = s.eps_value;
  c.vf_coef = s.vf_coef;
  c.ent_coef = s.ent_coef;
  return c;
}

RewardOptions reward_options_of(const ScalarSettings& s) {
  return {s.k3 ? KlEstimator::kK3 : KlEstimator::kK1, s.missing_eos_score, s.missing_eos_penalty,
          s.min_length};
}

Moments alone(const Moments& moments) {
  return moments;
}

Targets targets_of(const Episode& episode, const ScalarSettings& settings) {
  const auto convention = convention_of(settings);
  auto experience = experience_of(episode, convention);
  auto rewards = shape_rewards(experience, settings.beta, reward_options_of(settings), convention);
  auto advantages = estimate_advantages(experience, rewards, convention);
  return {std::move(experience), std::move(rewards), std::move(advantages)};
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace rlhf::test
