#include "curves/metric_catalog.h"

#include <algorithm>

namespace rlhf {
namespace {

constexpr bool kHeadline = true;
constexpr char kReward[] = "Reward";
constexpr char kDivergence[] = "Divergence from the reference";
constexpr char kTraining[] = "Training";
constexpr char kResponses[] = "Responses";
constexpr char kUpdates[] = "Losses and updates";
constexpr char kRunning[] = "Speed and health";

std::vector<MetricCard> make_catalog() {
  return {
      {"objective/scores", kReward, "Score", "RM deviations",
       "Mean score that entered the reward. Should rise; compare with the gold score.", kHeadline},
      {"objective/gold_scores", kReward, "Gold score", "gold deviations",
       "The same responses under a reward model training never sees. Falling while the score rises is "
       "over-optimisation.",
       kHeadline},
      {"objective/model_scores", kReward, "Score before length and end rules", "RM deviations",
       "The reward model's own opinion, before responses without an end or too short are marked down.",
       false},
      {"objective/score_spread", kReward, "Spread of the ensemble", "RM deviations",
       "How far its reward models are apart. Rising: the policy goes where they do not know.", false},
      {"objective/rlhf_reward", kReward, "Score less KL penalty", "RM deviations", "What PPO maximises.",
       false},
      {"objective/non_score_reward", kReward, "KL penalty", "RM deviations", "Minus beta times KL.", false},
      {"objective/scores_std", kReward, "Spread of scores", "RM deviations",
       "Deviation over the batch. Near zero: the responses have become alike.", false},
      {"objective/raw_scores", kReward, "Raw score", "", "The reward model's scalar before it is normalised.",
       false},
      {"objective/kl", kDivergence, "KL from the reference", "nats per response",
       "Sum over tokens of log policy - log reference. The dashed line is the target of adaptive beta.",
       kHeadline},
      {"objective/kl_coef", kDivergence, "KL coefficient (beta)", "per nat", "Price of a nat of KL.",
       kHeadline},
      {"objective/kl_k3", kDivergence, "KL, k3 estimate", "nats per response",
       "Never negative and less noisy; far from the other estimate means heavy tails.", false},
      {"objective/entropy", kDivergence, "Surprise of the responses", "nats per response",
       "Sum over tokens of -log policy.", false},
      {"loss", kTraining, "Loss", "", "Cross-entropy per supervised token, or the ranking loss.", kHeadline},
      {"accuracy", kTraining, "Ranking accuracy", "",
       "Share of pairs ordered as people did; ties in the score count half.", kHeadline},
      {"margin", kTraining, "Margin", "raw score", "Mean score of the preferred minus the other.", kHeadline},
      {"mean_token_accuracy", kTraining, "Token accuracy", "", "Share of supervised tokens predicted first.",
       kHeadline},
      {"bits_per_byte", kTraining, "Bits per byte", "bits", "Comparable between tokenizers.", kHeadline},
      {"entropy", kTraining, "Entropy", "nats per token", "Of the predictions at supervised tokens.", false},
      {"mean_reward", kTraining, "Mean reward", "raw score", "Over all responses of the step.", false},
      {"min_reward", kTraining, "Lowest reward", "raw score", "", false},
      {"max_reward", kTraining, "Highest reward", "raw score", "", false},
      {"response/length_mean", kResponses, "Length", "tokens",
       "Drifting lengths are the commonest way to please a reward model without being better.", kHeadline},
      {"response/distinct_2", kResponses, "Diversity (distinct-2)", "",
       "Distinct bigrams over all bigrams. A fall means the policy repeats itself.", kHeadline},
      {"policy/entropy_avg", kResponses, "Entropy", "nats per token",
       "Of the policy at the sampled positions.", kHeadline},
      {"response/repeated_words", kResponses, "Repeated words", "",
       "Share of words already said in the same response.", false},
      {"response/eos_fraction", kResponses, "Finished responses", "", "Share that ended by themselves.",
       false},
      {"response/short_fraction", kResponses, "Too short", "", "Share below the minimum length.", false},
      {"response/distinct_1", kResponses, "Diversity (distinct-1)", "", "Distinct tokens over all tokens.",
       false},
      {"loss/policy_avg", kUpdates, "Policy loss", "", "The clipped objective; its level says little.",
       kHeadline},
      {"loss/value_avg", kUpdates, "Value loss", "", "Half the squared error of the critic.", kHeadline},
      {"val/explained_variance", kUpdates, "Explained variance", "",
       "1: the critic foresees the return; 0: no use.", kHeadline},
      {"policy/approxkl_avg", kUpdates, "Step size (approx. KL)", "nats per token",
       "New policy against the one that sampled. Large: lower the learning rate.", false},
      {"policy/clipfrac_avg", kUpdates, "Clipped tokens", "",
       "Share whose gradient the clip stops; above 0.3 is too fast.", false},
      {"policy/grad_norm_avg", kUpdates, "Gradient norm, policy", "", "Before clipping.", false},
      {"val/ratio", kUpdates, "Mean ratio", "", "New over old probability. Near 1.", false},
      {"policy/first_ratio_gap", kUpdates, "Ratio gap before the first update", "",
       "Should be rounding only: more means sampler and trainer disagree.", false},
      {"val/ratio_var", kUpdates, "Variance of the ratio", "", "Over the tokens of a minibatch.", false},
      {"policy/epochs", kUpdates, "PPO epochs", "", "Fewer than asked for when the step size stopped them.",
       false},
      {"val/value_mean", kUpdates, "Mean value", "RM deviations", "What the critic expects.", false},
      {"val/return_mean", kUpdates, "Mean return", "RM deviations", "What it should have expected.", false},
      {"objective/advantage_std", kUpdates, "Spread of advantages", "RM deviations", "Before whitening.",
       false},
      {"val/clipfrac_avg", kUpdates, "Clipped values", "",
       "Share of tokens where the value clip is in force.", false},
      {"val/grad_norm_avg", kUpdates, "Gradient norm, critic", "", "Before clipping.", false},
      {"grad_norm", kTraining, "Gradient norm", "", "Before clipping.", false},
      {"learning_rate", kTraining, "Learning rate", "", "", false},
      {"lr", kUpdates, "Learning rate, policy", "", "", false},
      {"critic_lr", kUpdates, "Learning rate, critic", "", "", false},
      {"tokens_per_second", kRunning, "Tokens per second", "per second", "", false},
      {"timing/step_total", kRunning, "Time of an iteration", "seconds", "", false},
      {"timing/generation", kRunning, "Time generating", "seconds", "", false},
      {"timing/make_experience", kRunning, "Time making experience", "seconds", "", false},
      {"timing/ppo_train", kRunning, "Time updating", "seconds", "", false},
      {"timing/record", kRunning, "Time recording", "seconds", "", false},
      {"rollout/logprob_gap_max", kRunning, "Sampler against trainer", "nats",
       "Largest difference of a log-probability: rounding, or the two disagree.", false},
      {"rollout/logprob_gap_mean", kRunning, "Sampler against trainer, mean", "nats", "", false},
      {"episodes_per_second", kRunning, "Episodes per second", "per second", "", false},
      {"rollout/staleness_mean", kRunning, "Staleness", "iterations", "", false},
      {"skipped_steps", kRunning, "Steps refused", "", "Loss or gradient was not finite.", false},
  };
}

}  // namespace

const std::vector<MetricCard>& metric_catalog() {
  static const std::vector<MetricCard> catalog = make_catalog();
  return catalog;
}

MetricCard metric_card(std::string_view name) {
  const auto& catalog = metric_catalog();
  const auto found =
      std::find_if(catalog.begin(), catalog.end(), [&](const MetricCard& card) { return card.name == name; });
  if (found != catalog.end()) return *found;
  return {std::string(name), "Other", std::string(name), "", "", false};
}

}  // namespace rlhf
