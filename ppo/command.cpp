#include "ppo/command.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/model_record.h"
#include "cli/model_reference.h"
#include "cli/training_data.h"
#include "contract/data_hash.h"
#include "contract/error.h"
#include "model/scorer.h"
#include "ppo/command_flags.h"
#include "ppo/command_rollouts.h"
#include "ppo/trainer.h"
#include "rollout/unit_runner.h"
#include "text/sequence_encoder.h"

namespace rlhf {
namespace {

// What a message shows of a prompt, so that it is found in the data.
std::string quoted(const Prompt& prompt) {
  constexpr size_t kShown = 60;
  std::string text = prompt.is_chat() ? prompt.messages.back().content : prompt.text;
  if (text.size() > kShown) {
    size_t end = kShown;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // no half letter
    text = text.substr(0, end) + "...";
  }
  return '"' + text + '"';
}

// `context`: tokens that every model of the run takes.
std::vector<TokenizedPrompt> tokenised(const std::vector<Prompt>& prompts, const SequenceEncoder& encoder,
                                       int64_t context, int64_t response_length) {
  std::vector<TokenizedPrompt> tokenised;
  for (const Prompt& prompt : prompts) {
    TokenizedPrompt ids{static_cast<int64_t>(tokenised.size()), encoder.prompt(prompt)};
    const auto tokens = static_cast<int64_t>(ids.token_ids.size());
    const std::string name = "prompt " + std::to_string(ids.index + 1) + ", " + quoted(prompt) + ",";
    if (tokens == 0) throw UserError(name + " has no token");
    if (tokens + response_length > context)
      throw UserError(name + " has " + std::to_string(tokens) + " tokens and --response_length is " +
                      std::to_string(response_length) + ": together they do not fit the models' context of " +
                      std::to_string(context));
    tokenised.push_back(std::move(ids));
  }
  return tokenised;
}

std::unique_ptr<ModelScorer> make_scorer(const ModelFiles& files, const ComputeFlags& compute,
                                         const std::string& flag) {
  LoadedScalarModel loaded =
      load_scalar_model(files, compute.torch_dtype(), compute.torch_device(), /*trainable=*/false);
  if (loaded.fresh_head)
    throw UserError(flag + " is a language model, not a reward model: it has no score.weight");
  return std::make_unique<ModelScorer>(std::move(loaded.model), loaded.normalizer);
}

/// The files that a run starts from.
struct PpoModels {
  ModelFiles policy, reference, reward, critic;
  std::optional<ModelFiles> gold;

  explicit PpoModels(const PpoFlags& flags)
      : policy(open_model(flags.model)),
        reference(flags.reference_model.empty() ? policy
                                                : open_model(flags.reference_model, "--reference_model")),
        reward(open_model(flags.reward_model, "--reward_model")),
        critic(flags.critic_model.empty() ? reward : open_model(flags.critic_model, "--critic_model")) {
    if (!flags.gold_reward_model.empty()) gold = open_model(flags.gold_reward_model, "--gold_reward_model");
    const Tokenizer tokenizer = load_tokenizer(policy);
    require_same_tokenizer(tokenizer, "--model", load_tokenizer(reward), "--reward_model");
    require_same_tokenizer(tokenizer, "--model", load_tokenizer(reference), "--reference_model");
    require_same_tokenizer(tokenizer, "--model", load_tokenizer(critic), "--critic_model");
    if (gold) require_same_tokenizer(tokenizer, "--model", load_tokenizer(*gold), "--gold_reward_model");
  }

  /// Tokens that each of them takes.
  int64_t context() const {
    int64_t least = load_config(policy).max_position_embeddings;
    for (const ModelFiles& files : {reference, reward, critic, gold.value_or(reward)})
      least = std::min(least, load_config(files).max_position_embeddings);
    return least;
  }

  std::vector<StartModel> parents(const PpoFlags& flags) const {
    const auto named = [](const std::string& given, const std::string& otherwise) {
      return given.empty() ? otherwise : given;
    };
    return {{"initial", model_record(policy, flags.model)},
            {"reference", model_record(reference, named(flags.reference_model, flags.model))},
            {"reward", model_record(reward, flags.reward_model)},
            {"critic", model_record(critic, named(flags.critic_model, flags.reward_model))}};
  }
};

void run_ppo(const CLI::App& command, PpoFlags flags) {
  const PpoOptions options = flags.checked_options();
  flags.compute.apply_threads();
  const torch::Device device = flags.compute.torch_device();
  const torch::ScalarType dtype = flags.compute.torch_dtype();
  const PpoModels models(flags);
  const SequenceEncoder encoder(load_tokenizer(models.policy));
  const std::unique_ptr<Collective> collective = Collective::from_environment(device);
  TrainingData data(flags.data, flags.run.output_dir, *collective);
  const std::vector<Prompt> prompts = data.prompts();
  std::vector<Prompt> eval_prompts = data.eval_prompts();
  if (static_cast<int64_t>(eval_prompts.size()) > flags.eval_prompts)
    eval_prompts.resize(static_cast<size_t>(flags.eval_prompts));
  const int64_t context = models.context();
  std::vector<TokenizedPrompt> prompt_ids = tokenised(prompts, encoder, context, options.response_length);
  std::vector<TokenizedPrompt> eval_prompt_ids =
      tokenised(eval_prompts, encoder, context, options.response_length);

  if (flags.run.ledger.empty())
    flags.run.ledger = flags.data.db.empty() ? flags.run.output_dir + "/ledger.db" : flags.data.db;
  TrainingSession session(flags.run,
                          {"ppo", run_configuration(command), models.parents(flags), data_hash(prompts),
                           encoder.tokenizer().hash(), options.training.save_total_limit, data.parts()},
                          *collective);
  if (session.finished()) return;

  const ModelFiles start =
      session.resume_from() ? ModelFiles::in_folder(*session.resume_from()) : models.policy;
  LanguageModel policy = load_language_model(start, torch::kFloat32, device, /*trainable=*/true);
  policy.decoder().set_compute_dtype(dtype);
  policy.require_grad(true);
  const LanguageModel reference =
      load_language_model(models.reference, torch::kFloat32, device, false).freeze(dtype);
  LoadedScalarModel critic =
      load_scalar_model(models.critic, torch::kFloat32, device, /*trainable=*/true, options.training.seed);
  critic.model.decoder().set_compute_dtype(dtype);
  critic.model.require_grad(true);
  const std::unique_ptr<ModelScorer> scorer = make_scorer(models.reward, flags.compute, "--reward_model");
  const std::unique_ptr<ModelScorer> gold =
      models.gold ? make_scorer(*models.gold, flags.compute, "--gold_reward_model") : nullptr;

  LivePolicyRunner training_runner(policy, dtype, encoder.tokenizer().eos_ids(), *scorer);
  LivePolicyRunner evaluation_runner(policy, dtype, encoder.tokenizer().eos_ids(), *scorer);
  LocalRolloutSource local(training_runner), evaluation(evaluation_runner);
  std::unique_ptr<ServedRollouts> served;
  if (!flags.listen.empty() && collective->is_first())
    served = std::make_unique<ServedRollouts>(flags, models.reward,
                                              flags.local_rollouts ? &training_runner : nullptr);

  TrainerState state = session.start();
  PpoSurroundings around{served ? static_cast<RolloutSource&>(*served) : local,
                         flags.listen.empty() ? RolloutPlace::kEveryProcess : RolloutPlace::kFirstProcess,
                         evaluation,
                         *collective,
                         {},
                         nullptr,
                         gold.get(),
                         [&](const std::vector<TokenId>& ids) { return encoder.tokenizer().decode(ids); }};
  if (served)
    around.publish = [&](int64_t iteration) {
      return served->publish(iteration, policy, encoder.tokenizer());
    };
  if (session.ledger() && !flags.no_trajectories) {
    session.ledger()->trajectories().set_prompts(prompts);
    around.trajectories = &session.ledger()->trajectories();
  }

  PpoTrainer trainer({policy, reference, critic.model, critic.normalizer}, std::move(prompt_ids),
                     std::move(eval_prompt_ids), options, around);
  if (session.resume_from()) trainer.resume(*session.resume_from(), state);
  const auto save_policy = [&](const std::filesystem::path& folder) {
    save_language_model(policy, folder);
    save_tokenizer(encoder.tokenizer(), folder);
  };
  trainer.train(state, session.surroundings(), save_policy);
  if (served) served->finish();
  session.finish(state, save_policy);
}

}  // namespace

void add_ppo_command(CLI::App& app) {
  auto flags = std::make_shared<PpoFlags>();
  flags->options.training.learning_rate = 3e-6;
  flags->options.training.num_train_epochs = 1;
  flags->options.training.logging_steps = 1;
  flags->options.training.save_steps = 50;
  CLI::App* command = app.add_subcommand("ppo", "PPO with a KL penalty, scored by a reward model");
  add_ppo_flags(*command, *flags);
  command->callback([flags, command] { run_ppo(*command, *flags); });
}

}  // namespace rlhf
