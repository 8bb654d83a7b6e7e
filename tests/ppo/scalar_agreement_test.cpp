// ppo/ against the slow scalar reference, on random batches in float64, for several conventions; and against
// the same reference with a mistake built in, which must be noticed.
#include "tests/ppo/episodes.h"
#include "tests/support/catch.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

constexpr double kTolerance = 1e-6;

std::vector<ScalarSettings> all_settings() {
  ScalarSettings ours;
  ours.missing_eos_score = -1.0;
  ours.min_length = 3;
  ScalarSettings bonus = ours;
  bonus.k3 = true, bonus.ent_coef = 0.01, bonus.gamma = 0.9, bonus.lambda = 0.7;
  ScalarSettings trl;
  trl.score_in_next_slot = true, trl.unbiased = true, trl.missing_eos_penalty = 1.0;
  ScalarSettings openrlhf;
  openrlhf.lambda = 1.0, openrlhf.variance_floor = true, openrlhf.clamp = 0.6, openrlhf.eps_value = 0.5;
  return {ours, bonus, trl, openrlhf};
}

/// The largest difference between what ppo/ and the reference (with its mistakes) make of one batch, in
/// targets, loss, statistics and gradients.
struct Differences {
  double rewards, raw, whitened, returns, policy_loss, value_loss, statistics;
};

Differences differences(unsigned seed, const ScalarSettings& settings,
                        const ScalarSettings& reference_settings) {
  const auto episode = random_episode(seed, 6, 7);
  const auto update = random_update(seed + 1000, episode);
  const auto convention = convention_of(settings);
  const auto ours = targets_of(episode, settings);
  const auto expected = scalar_targets(episode, reference_settings);
  const auto loss = scalar_loss(episode, expected, update, reference_settings);
  const auto& tokens = ours.experience.tokens;
  const auto& slots = ours.experience.value_slots;
  const auto policy = policy_loss({packed(update.logprobs, tokens), packed(update.entropy, tokens),
                                   ours.experience.logprobs, ours.advantages.whitened},
                                  convention, static_cast<double>(tokens.total()));
  const auto value =
      value_loss({packed(update.values, slots), ours.experience.values, ours.advantages.returns}, convention,
                 static_cast<double>(slots.total()));
  const auto& ps = policy.statistics;
  const std::vector<double> found = {ps.clip_fraction(),
                                     value.statistics.clip_fraction(),
                                     ps.approx_kl(),
                                     ps.ratio_variance(),
                                     ps.mean(&PolicyStatistics::ratio),
                                     ps.mean(&PolicyStatistics::entropy),
                                     ps.mean(&PolicyStatistics::loss)};
  const std::vector<double> wanted = {loss.clip_fraction, loss.value_clip_fraction,
                                      loss.approx_kl,     loss.ratio_variance,
                                      loss.ratio,         loss.entropy,
                                      loss.policy};
  return {largest_difference(ours.rewards.rewards, packed(expected.rewards, slots)),
          largest_difference(ours.advantages.raw, packed(expected.advantages, tokens)),
          largest_difference(ours.advantages.whitened, packed(expected.whitened, tokens)),
          largest_difference(ours.advantages.returns, packed(expected.returns, slots)),
          std::abs(policy.loss.item<double>() - (loss.policy - settings.ent_coef * loss.entropy)),
          std::abs(value.loss.item<double>() - settings.vf_coef * loss.value),
          largest_difference(torch::tensor(found, torch::kFloat64), torch::tensor(wanted, torch::kFloat64))};
}

double largest(const Differences& d) {
  return std::max({d.rewards, d.raw, d.whitened, d.returns, d.policy_loss, d.value_loss, d.statistics});
}

}  // namespace

TEST_CASE("rewards, advantages, losses and statistics equal the scalar reference") {
  for (const auto& settings : all_settings()) {
    for (unsigned seed = 0; seed < 25; ++seed) {
      const auto d = differences(seed, settings, settings);
      INFO("seed " << seed << " rewards " << d.rewards << " raw " << d.raw << " whitened " << d.whitened
                   << " returns " << d.returns << " policy " << d.policy_loss << " value " << d.value_loss
                   << " statistics " << d.statistics);
      CHECK(largest(d) < kTolerance);
    }
  }
}

TEST_CASE("a wrong sign of the KL does not pass for the right one") {
  for (const auto& settings : all_settings()) {
    auto wrong = settings;
    wrong.kl_sign = -1;
    const auto d = differences(3, settings, wrong);
    CHECK(d.rewards > 1e-2);
    CHECK(d.whitened > 1e-2);
    CHECK(d.policy_loss > 1e-4);
  }
}

TEST_CASE("a score one slot before the end does not pass for one at the end") {
  for (const auto& settings : all_settings()) {
    auto wrong = settings;
    wrong.score_shift = -1;
    const auto d = differences(3, settings, wrong);
    CHECK(d.rewards > 1e-2);
    CHECK(d.raw > 1e-2);
    CHECK(d.value_loss > 1e-4);
  }
}

TEST_CASE("a mask that is one token off does not pass for the right one") {
  for (const auto& settings : all_settings()) {
    for (int shift : {-1, 1}) {
      auto wrong = settings;
      wrong.mask_shift = shift;
      const auto d = differences(3, settings, wrong);
      CHECK(d.whitened > 1e-2);
      CHECK(d.policy_loss > 1e-4);
    }
  }
}

TEST_CASE("the score of one convention in the slot of the other does not pass") {
  ScalarSettings ours, trl;
  trl.score_in_next_slot = true;
  CHECK(differences(3, ours, trl).raw > 1e-2);
}

TEST_CASE("gradients of the losses equal finite differences of the scalar reference") {
  constexpr double kStep = 1e-6;
  for (const auto& settings : all_settings()) {
    const auto episode = random_episode(7, 4, 5);
    const auto update = random_update(8, episode);
    const auto convention = convention_of(settings);
    const auto ours = targets_of(episode, settings);
    const auto expected = scalar_targets(episode, settings);
    const auto& tokens = ours.experience.tokens;
    const auto& slots = ours.experience.value_slots;
    auto logprobs = packed(update.logprobs, tokens).requires_grad_();
    auto entropy = packed(update.entropy, tokens).requires_grad_();
    auto values = packed(update.values, slots).requires_grad_();
    policy_loss({logprobs, entropy, ours.experience.logprobs, ours.advantages.whitened}, convention,
                static_cast<double>(tokens.total()))
        .loss.backward();
    value_loss({values, ours.experience.values, ours.advantages.returns}, convention,
               static_cast<double>(slots.total()))
        .loss.backward();

    const auto slope = [&](Rows Update::*which, size_t b, size_t t) {
      auto up = update, down = update;
      (up.*which)[b][t] += kStep;
      (down.*which)[b][t] -= kStep;
      return (scalar_loss(episode, expected, up, settings).total(settings) -
              scalar_loss(episode, expected, down, settings).total(settings)) /
             (2 * kStep);
    };
    const auto slopes = [&](Rows Update::*which, const Segments& where) {
      Rows rows = update.logprobs;
      for (int64_t s = 0; s < where.count(); ++s) {
        for (int64_t t = 0; t < where.length(s); ++t) {
          rows[static_cast<size_t>(s)][static_cast<size_t>(t)] =
              slope(which, static_cast<size_t>(s), static_cast<size_t>(t));
        }
      }
      return packed(rows, where);
    };
    CHECK(largest_difference(logprobs.grad(), slopes(&Update::logprobs, tokens)) < 1e-8);
    CHECK(largest_difference(values.grad(), slopes(&Update::values, slots)) < 1e-8);
    CHECK(logprobs.grad().abs().max().item<double>() > 1e-3);
    if (settings.ent_coef > 0) {
      CHECK(largest_difference(entropy.grad(), slopes(&Update::entropy, tokens)) < 1e-8);
    } else {
      CHECK_FALSE(entropy.grad().defined());
    }
  }
}
