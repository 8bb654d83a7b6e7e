#include "ppo/command_flags.h"

#include <CLI/CLI.hpp>

#include "cli/memory_limit.h"
#include "cli/training_flags.h"
#include "contract/error.h"

namespace rlhf {
namespace {

template <typename T>
CLI::Option* add(CLI::App& command, const std::string& flag, T& value, const std::string& help) {
  return command.add_option(flag, value, help)->capture_default_str();
}

template <typename T>
void add_optional(CLI::App& command, const std::string& flag, std::optional<T>& value,
                  const std::string& help) {
  command.add_option_function<T>(
      flag, [&value](const T& given) { value = given; }, help);
}

KlEstimator estimator_named(const std::string& name) {
  if (name == "k1") return KlEstimator::kK1;
  if (name == "k3") return KlEstimator::kK3;
  throw UserError("--kl_estimator " + name + ": use k1 or k3");
}

}  // namespace

PpoOptions PpoFlags::checked_options() const {
  check_training_flags(options.training);
  for (const auto& [flag, value] : {std::pair{"--top_k", top_k_},
                                    {"--top_p", top_p_},
                                    {"--min_p", min_p_},
                                    {"--repetition_penalty", repetition_penalty_}})
    if (value)
      throw UserError(std::string(flag) +
                      " is refused in PPO: tokens drawn from a filtered distribution make the KL against the "
                      "reference wrong; "
                      "use --temperature alone");
  PpoOptions checked = options;
  checked.convention = convention_named(convention);
  if (gamma_) checked.convention.gamma = *gamma_;
  if (lambda_) checked.convention.lambda = *lambda_;
  if (cliprange_) checked.convention.cliprange = *cliprange_;
  if (cliprange_value_) checked.convention.cliprange_value = *cliprange_value_;
  if (vf_coef_) checked.convention.vf_coef = *vf_coef_;
  if (ent_coef_) checked.convention.ent_coef = *ent_coef_;
  checked.rewards.kl_estimator = estimator_named(kl_estimator);
  checked.rollout_dtype = compute.training_dtype() == torch::kBFloat16 ? "bfloat16" : "float32";
  checked.check();
  return checked;
}

void add_ppo_flags(CLI::App& command, PpoFlags& f) {
  PpoOptions& o = f.options;
  command
      .add_option("--model,--sft_model_path", f.model,
                  "policy to start from: a folder or grpc://HOST:PORT/NAME")
      ->required();
  command
      .add_option(
          "--reward_model,--reward_model_path", f.reward_model,
          "scores the responses; MODEL,MODEL,... is an ensemble, which scores by its mean. The critic "
          "starts as it, or as the first of them")
      ->required();
  command.add_option("--reference_model", f.reference_model,
                     "what the KL is against; --model when not given");
  command.add_option("--critic_model", f.critic_model, "where the critic starts instead of the reward model");
  command.add_option("--gold_reward_model", f.gold_reward_model,
                     "a second reward model, watched and never trained on");
  add_dataset_flags(command, f.data);
  add(command, "--eval_prompts", f.eval_prompts, "prompts evaluated at most");
  add_run_flags(command, f.run);
  command.add_flag("--no_trajectories", f.no_trajectories, "keep no trajectory in the ledger");
  add_compute_flags(command, f.compute, "auto");

  add(command, "--rollout_batch_size", o.rollout_batch_size, "prompts of an iteration");
  add(command, "--samples_per_prompt", o.samples_per_prompt, "responses to each");
  add(command, "--response_length", o.response_length, "tokens of a response at most");
  add(command, "--temperature", o.temperature, "of sampling and of every log-probability");
  add(command, "--rollout_unit_size", o.rollout_unit_size, "prompts a worker leases at once");
  add(command, "--generation_threads", o.generation_threads, "threads that compute a unit, wherever");
  add(command, "--max_staleness", o.max_staleness, "updates by which the sampling weights may lag behind");
  command.add_option("--listen", f.listen,
                     "HOST:PORT: serve rollouts to workers (rlhf rollout) and wait for them");
  command.add_flag("--local_rollouts", f.local_rollouts,
                   "with --listen: compute rollouts in this process too");
  command
      .add_option("--lease_seconds", f.lease_seconds, "a worker silent for so long loses its unit to another")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);

  add(command, "--ppo_convention", f.convention, "whose arithmetic: rlhf, trl or openrlhf");
  add(command, "--kl_coef", o.kl.kl_coef, "beta of the KL penalty, at the start");
  add_optional(command, "--kl_target", o.kl.target, "KL that beta is steered to, nats a response");
  add(command, "--kl_horizon", o.kl.horizon, "episodes over which beta follows a steady error");
  add(command, "--kl_estimator", f.kl_estimator, "of the reward: k1 or k3");
  add_optional(command, "--missing_eos_score", o.rewards.missing_eos_score,
               "replaces the score of a response without its end");
  add_optional(command, "--missing_eos_penalty", o.rewards.missing_eos_penalty,
               "is subtracted from it instead");
  add(command, "--min_response_length", o.rewards.min_response_length,
      "shorter responses are treated like those without an end");
  add(command, "--reward_spread_penalty", o.rewards.spread_penalty,
      "of an ensemble: so many times the deviation between its members is subtracted from the score");
  add_optional(command, "--gamma", f.gamma_, "discount");
  add_optional(command, "--lam", f.lambda_, "lambda of GAE");
  add_optional(command, "--cliprange", f.cliprange_, "of the ratio");
  add_optional(command, "--cliprange_value", f.cliprange_value_, "of the value");
  add_optional(command, "--vf_coef", f.vf_coef_, "weight of the value loss");
  add_optional(command, "--ent_coef", f.ent_coef_, "weight of the entropy bonus");
  add(command, "--num_ppo_epochs", o.num_ppo_epochs, "passes over an iteration's rollouts");
  add(command, "--num_mini_batches", o.num_mini_batches, "optimizer steps of a pass");
  add_optional(command, "--max_approx_kl", o.max_approx_kl, "ends an iteration's updates, nats a token");
  add_optional(command, "--critic_learning_rate", o.critic_learning_rate,
               "of the critic; that of the policy when not given");
  add_training_flags(command, o.training);
  add_memory_flags(command, f.memory_limit);
  add_optional(command, "--top_k", f.top_k_, "refused: it would make the KL wrong");
  add_optional(command, "--top_p", f.top_p_, "refused");
  add_optional(command, "--min_p", f.min_p_, "refused");
  add_optional(command, "--repetition_penalty", f.repetition_penalty_, "refused");
}

}  // namespace rlhf
