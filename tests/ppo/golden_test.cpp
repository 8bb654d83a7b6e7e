// The conventions named after other toolkits against what those toolkits' own code computed
// (tests/parity/make_ppo_golden.py).
#include <nlohmann/json.hpp>

#include "ppo/advantages.h"
#include "ppo/kl_controller.h"
#include "ppo/loss.h"
#include "ppo/reward_shaping.h"
#include "tests/ppo/episodes.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
using namespace rlhf::test;
using nlohmann::json;

namespace {

json golden(const std::string& name) {
  return json::parse(test::read_file(test::fixture("ppo/" + name)));
}

torch::Tensor doubles(const json& list) {
  return torch::tensor(list.get<std::vector<double>>(), torch::kFloat64);
}

Convention with_constants_of(const json& golden, Convention convention) {
  convention.gamma = golden.at("gamma");
  convention.lambda = golden.at("lambda");
  convention.cliprange = golden.at("cliprange");
  convention.cliprange_value = golden.at("cliprange_value");
  return convention;
}

Experience experience_of(const json& golden, const Convention& convention,
                         const std::vector<bool>& finished) {
  const auto tokens = Segments::of_lengths(golden.at("lengths").get<std::vector<int64_t>>());
  const int64_t longest = golden.contains("width") ? golden.at("width").get<int64_t>() : tokens.longest();
  return {tokens,
          value_slots_of(tokens, convention, longest),
          doubles(golden.at("logprobs")),
          doubles(golden.at("reference_logprobs")),
          doubles(golden.at("values")),
          doubles(golden.at("scores")),
          torch::zeros({tokens.count()}, torch::kFloat64),
          finished};
}

/// What a named convention makes of a TRL case, with the means to spoil the input on purpose.
struct TrlCase {
  json values;
  Convention convention;
  RewardOptions options;
  Experience experience;

  explicit TrlCase(const json& golden, const std::string& name = "trl")
      : values(golden), convention(with_constants_of(golden, convention_named(name))) {
    options.kl_estimator = parse_kl_estimator(golden.at("kl_estimator"));
    if (!golden.at("missing_eos_penalty").is_null()) {
      options.missing_eos_penalty = golden.at("missing_eos_penalty").get<double>();
    }
    experience = ::experience_of(golden, convention, golden.at("finished").get<std::vector<bool>>());
  }

  TokenRewards rewards() const {
    return shape_rewards(experience, values.at("kl_coef"), options, convention);
  }
  Advantages advantages() const { return estimate_advantages(experience, rewards(), convention); }
  double whitened_error() const {
    return largest_difference(advantages().whitened, doubles(values.at("advantages")));
  }
};

std::vector<TrlCase> trl_cases() {
  const json file = golden("trl.json");
  std::vector<TrlCase> cases;
  for (const auto& one : file.at("cases")) {
    cases.emplace_back(one);
  }
  REQUIRE(cases.size() == 2);
  return cases;
}

constexpr double kTolerance = 1e-6;

}  // namespace

TEST_CASE("the TRL convention has a value slot after the end of every response but the longest") {
  for (const auto& c : trl_cases()) {
    CHECK(c.experience.value_slots.lengths() == c.values.at("value_slots").get<std::vector<int64_t>>());
  }
}

TEST_CASE("rewards, advantages and returns equal TRL's own") {
  for (const auto& c : trl_cases()) {
    INFO(c.values.at("name"));
    const auto rewards = c.rewards();
    const auto advantages = c.advantages();
    CHECK(largest_difference(rewards.kl, doubles(c.values.at("kl"))) < kTolerance);
    CHECK(largest_difference(c.experience.tokens.sums(rewards.kl), doubles(c.values.at("kl_sum"))) <
          kTolerance);
    CHECK(largest_difference(rewards.effective_scores, doubles(c.values.at("effective_scores"))) <
          kTolerance);
    CHECK(largest_difference(rewards.rewards, doubles(c.values.at("rewards"))) < kTolerance);
    CHECK(largest_difference(advantages.raw, doubles(c.values.at("raw_advantages"))) < kTolerance);
    CHECK(largest_difference(advantages.returns, doubles(c.values.at("returns"))) < kTolerance);
    CHECK(c.whitened_error() < kTolerance);
  }
}

TEST_CASE("losses, clip fractions and gradients of every update equal TRL's own") {
  int updates = 0;
  for (const auto& c : trl_cases()) {
    const auto targets = c.advantages();
    for (const auto& update : c.values.at("updates")) {
      const auto chosen = update.at("chosen").get<std::vector<int64_t>>();
      const auto token_rows = c.experience.tokens.rows(chosen),
                 slot_rows = c.experience.value_slots.rows(chosen);
      auto logprobs = doubles(update.at("new_logprobs")).requires_grad_();
      auto values = doubles(update.at("new_values")).requires_grad_();
      const auto policy =
          policy_loss({logprobs, torch::zeros_like(logprobs), c.experience.logprobs.index({token_rows}),
                       targets.whitened.index({token_rows})},
                      c.convention, static_cast<double>(token_rows.numel()));
      const auto value =
          value_loss({values, c.experience.values.index({slot_rows}), targets.returns.index({slot_rows})},
                     c.convention, static_cast<double>(slot_rows.numel()));
      const auto total = policy.loss + value.loss;
      total.backward();
      CHECK(policy.loss.item<double>() == Approx(update.at("policy_loss").get<double>()).epsilon(kTolerance));
      CHECK(value.statistics.mean(&ValueStatistics::loss) ==
            Approx(update.at("value_loss").get<double>()).epsilon(kTolerance));
      CHECK(total.item<double>() == Approx(update.at("loss").get<double>()).epsilon(kTolerance));
      CHECK(policy.statistics.clip_fraction() ==
            Approx(update.at("clip_fraction").get<double>()).margin(kTolerance));
      CHECK(value.statistics.clip_fraction() ==
            Approx(update.at("value_clip_fraction").get<double>()).margin(kTolerance));
      // TRL keeps this statistic in float32.
      CHECK(0.5 * policy.statistics.log_ratio_sq ==
            Approx(update.at("half_log_ratio_sq").get<double>()).epsilon(1e-5).margin(1e-9));
      CHECK(largest_difference(logprobs.grad(), doubles(update.at("logprob_gradient"))) < kTolerance);
      CHECK(largest_difference(values.grad(), doubles(update.at("value_gradient"))) < kTolerance);
      ++updates;
    }
  }
  CHECK(updates == 8);
}

TEST_CASE("TRL's vectors notice a wrong sign, a score in the wrong slot and a shifted mask") {
  for (const auto& c : trl_cases()) {
    auto wrong_sign = c;
    std::swap(wrong_sign.experience.logprobs, wrong_sign.experience.reference_logprobs);
    CHECK(wrong_sign.whitened_error() > 1e-3);

    TrlCase score_on_eos(c.values);
    score_on_eos.convention.score_after_last_token = false;
    auto on_tokens = score_on_eos.experience;
    on_tokens.values = on_tokens.values.index({slots_of_tokens(on_tokens.tokens, on_tokens.value_slots)});
    on_tokens.value_slots = on_tokens.tokens;
    score_on_eos.experience = on_tokens;
    CHECK(score_on_eos.whitened_error() > 1e-3);

    // Whitening over the value slots in place of the tokens: TRL's m+ in place of m.
    const auto slots = generalized_advantages(c.experience.value_slots, c.rewards().rewards,
                                              c.experience.values, c.convention.gamma, c.convention.lambda);
    const auto shifted = whiten(c.advantages().raw, Moments::of(slots), c.convention.whitening);
    CHECK(largest_difference(shifted, doubles(c.values.at("advantages"))) > 1e-3);

    auto biased = c;
    biased.convention.whitening.unbiased_variance = false;
    CHECK(biased.whitened_error() > 1e-3);
  }
}

TEST_CASE("rewards, advantages, losses and gradients equal OpenRLHF's own") {
  const auto g = golden("openrlhf.json");
  const auto named = convention_named("openrlhf");
  CHECK(named.lambda == g.at("lambda").get<double>());
  CHECK(named.cliprange_value == g.at("cliprange_value").get<double>());
  const auto experience = ::experience_of(g, named, {true, true, true, true});
  const auto rewards = shape_rewards(experience, g.at("kl_coef"), {}, named);
  const auto targets = estimate_advantages(experience, rewards, named);
  CHECK(largest_difference(rewards.kl, doubles(g.at("kl"))) < kTolerance);
  CHECK(rewards.kl.max().item<double>() == 10.0);
  CHECK(rewards.effective_scores.max().item<double>() == 10.0);
  // OpenRLHF computes in float32; the largest of these is above 10.
  CHECK(largest_difference(targets.raw, doubles(g.at("raw_advantages"))) < 4e-6);
  CHECK(largest_difference(targets.returns, doubles(g.at("returns"))) < 4e-6);
  CHECK(largest_difference(targets.whitened, doubles(g.at("advantages"))) < 2e-6);

  auto logprobs = doubles(g.at("new_logprobs")).requires_grad_();
  auto values = doubles(g.at("new_values")).requires_grad_();
  const double count = static_cast<double>(experience.tokens.total());
  const auto policy = policy_loss(
      {logprobs, torch::zeros_like(logprobs), experience.logprobs, targets.whitened}, named, count);
  const auto value = value_loss({values, experience.values, targets.returns}, named, count);
  (policy.loss + value.loss).backward();
  CHECK(policy.loss.item<double>() == Approx(g.at("policy_loss").get<double>()).epsilon(1e-5));
  CHECK(value.loss.item<double>() == Approx(g.at("value_loss").get<double>()).epsilon(1e-5));
  CHECK(policy.statistics.clip_fraction() == Approx(g.at("clip_fraction").get<double>()).margin(1e-6));
  CHECK(largest_difference(logprobs.grad(), doubles(g.at("logprob_gradient"))) < 2e-6);
  CHECK(largest_difference(values.grad(), doubles(g.at("value_gradient"))) < 2e-6);

  auto unclamped = named;
  unclamped.log_ratio_clamp.reset();
  const auto other = policy_loss(
      {logprobs, torch::zeros_like(logprobs), experience.logprobs, targets.whitened}, unclamped, count);
  CHECK(std::abs(other.statistics.ratio - policy.statistics.ratio) > 1.0);
}

TEST_CASE("the adaptive controller moves beta as OpenRLHF's own does") {
  const auto g = golden("openrlhf.json");
  const auto& steps = g.at("controller");
  KlController controller({g.at("kl_coef"), steps.at("target").get<double>(), steps.at("horizon")});
  for (size_t i = 0; i < steps.at("kl").size(); ++i) {
    controller.update(steps.at("kl")[i], steps.at("episodes"));
    CHECK(controller.beta() == Approx(steps.at("beta")[i].get<double>()).epsilon(1e-12));
  }
}
