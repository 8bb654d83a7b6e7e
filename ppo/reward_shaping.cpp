#include "ppo/reward_shaping.h"

#include <cmath>

#include "contract/error.h"

namespace rlhf {
namespace {

torch::Tensor effective_scores(const Experience& experience, const RewardOptions& options) {
  std::vector<uint8_t> flawed;
  for (int64_t s = 0; s < experience.tokens.count(); ++s) {
    flawed.push_back(!experience.finished[static_cast<size_t>(s)] ||
                     experience.tokens.length(s) < options.min_response_length);
  }
  const auto mask = torch::tensor(flawed, torch::kUInt8).to(experience.scores.device()).to(torch::kBool);
  const auto scores = experience.scores - options.spread_penalty * experience.score_spreads;
  if (options.missing_eos_score) {
    return scores.masked_fill(mask, *options.missing_eos_score);
  }
  if (options.missing_eos_penalty) {
    return scores - mask.to(scores.scalar_type()) * *options.missing_eos_penalty;
  }
  return scores;
}

}  // namespace

void RewardOptions::check() const {
  if (missing_eos_score && missing_eos_penalty) {
    throw UserError(
        "--missing_eos_score replaces the score and --missing_eos_penalty lowers it: give one of them");
  }
  if (!std::isfinite(missing_eos_score.value_or(0)) || !std::isfinite(missing_eos_penalty.value_or(0))) {
    throw UserError("--missing_eos_score and --missing_eos_penalty must be finite numbers");
  }
  if (min_response_length > 0 && !missing_eos_score && !missing_eos_penalty) {
    throw UserError(
        "--min_response_length needs --missing_eos_score or --missing_eos_penalty to say what a short "
        "response gets");
  }
  if (!(spread_penalty >= 0) || std::isinf(spread_penalty)) {
    throw UserError("--reward_spread_penalty is " + std::to_string(spread_penalty) +
                    "; it must be 0 or more");
  }
}

TokenRewards shape_rewards(const Experience& experience, double beta, const RewardOptions& options,
                           const Convention& convention) {
  options.check();
  experience.check();
  auto kl = kl_per_token(experience.logprobs, experience.reference_logprobs, options.kl_estimator);  // [N]
  if (convention.kl_clamp) {
    kl = kl.clamp(-*convention.kl_clamp, *convention.kl_clamp);
  }
  auto scores = effective_scores(experience, options);  // [B]
  if (convention.score_clip) {
    scores = scores.clamp(-*convention.score_clip, *convention.score_clip);
  }
  const auto device = kl.device();
  auto rewards = torch::zeros({experience.value_slots.total()}, kl.options());  // [M]
  rewards.index_copy_(0, slots_of_tokens(experience.tokens, experience.value_slots, device), -beta * kl);
  rewards.index_add_(0, experience.value_slots.last_rows(device), scores.to(kl.scalar_type()));
  return {rewards, kl, scores};
}

}  // namespace rlhf
