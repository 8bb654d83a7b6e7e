#include "ppo/command.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

#include "cli/memory_limit.h"
#include "cli/model_record.h"
#include "cli/model_reference.h"
#include "cli/reward_models.h"
#include "cli/training_data.h"
#include "contract/data_hash.h"
#include "contract/error.h"
#include "ppo/command_flags.h"
#include "ppo/command_rollouts.h"
#include "ppo/memory.h"
#include "ppo/trainer.h"
#include "rollout/unit_runner.h"
#include "text/parallel_map.h"
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
  std::vector<TokenizedPrompt> tokenised =
      parallel_map(prompts.size(), torch::get_num_threads(), [&](size_t i) {
        return TokenizedPrompt{static_cast<int64_t>(i), encoder.prompt(prompts[i])};
      });
  for (const TokenizedPrompt& prompt : tokenised) {
    const auto tokens = static_cast<int64_t>(prompt.token_ids.size());
    const std::string name = "prompt " + std::to_string(prompt.index + 1) + ", " +
                             quoted(prompts[static_cast<size_t>(prompt.index)]) + ",";
    if (tokens == 0) throw UserError(name + " has no token");
    if (tokens + response_length > context)
      throw UserError(name + " has " + std::to_string(tokens) + " tokens and --response_length is " +
                      std::to_string(response_length) + ": together they do not fit the models' context of " +
                      std::to_string(context));
  }
  return tokenised;
}

/// The files that a run starts from.
struct PpoModels {
  ModelFiles policy, reference;
  std::vector<ModelFiles> reward;  // one, or the members of an ensemble
  ModelFiles critic;
  std::vector<ModelFiles> gold;  // likewise; none when not given

  explicit PpoModels(const PpoFlags& flags)
      : policy(open_model(flags.model)),
        reference(flags.reference_model.empty() ? policy
                                                : open_model(flags.reference_model, "--reference_model")),
        reward(open_reward_models(flags.reward_model, "--reward_model")),
        critic(flags.critic_model.empty() ? reward.front()
                                          : open_model(flags.critic_model, "--critic_model")) {
    if (!flags.gold_reward_model.empty())
      gold = open_reward_models(flags.gold_reward_model, "--gold_reward_model");
    const Tokenizer tokenizer = load_tokenizer(policy);
    require_same_tokenizer(tokenizer, "--model", load_tokenizer(reward.front()), "--reward_model");
    require_same_tokenizer(tokenizer, "--model", load_tokenizer(reference), "--reference_model");
    require_same_tokenizer(tokenizer, "--model", load_tokenizer(critic), "--critic_model");
    if (!gold.empty())
      require_same_tokenizer(tokenizer, "--model", load_tokenizer(gold.front()), "--gold_reward_model");
    if (flags.options.rewards.spread_penalty != 0 && reward.size() == 1)
      throw UserError(
          "--reward_spread_penalty needs an ensemble: one reward model has no spread; give --reward_model "
          "MODEL,MODEL,...");
  }

  /// Tokens that each of them takes.
  int64_t context() const {
    int64_t least =
        std::min(reward_context(reward), gold.empty() ? reward_context(reward) : reward_context(gold));
    for (const ModelFiles& files : {policy, reference, critic})
      least = std::min(least, load_config(files).max_position_embeddings);
    return least;
  }

  std::vector<StartModel> parents(const PpoFlags& flags) const {
    const auto named = [](const std::string& given, const std::string& otherwise) {
      return given.empty() ? otherwise : given;
    };
    const std::vector<std::string> members = reward_members(flags.reward_model);
    std::vector<StartModel> parents{
        {"initial", model_record(policy, flags.model)},
        {"reference", model_record(reference, named(flags.reference_model, flags.model))}};
    for (size_t i = 0; i < reward.size(); ++i)
      parents.push_back({"reward", model_record(reward[i], members[i])});
    parents.push_back({"critic", model_record(critic, named(flags.critic_model, members.front()))});
    return parents;
  }
};

std::vector<int64_t> token_counts(const std::vector<TokenizedPrompt>& prompts) {
  std::vector<int64_t> counts;
  for (const TokenizedPrompt& prompt : prompts)
    counts.push_back(static_cast<int64_t>(prompt.token_ids.size()));
  return counts;
}

std::vector<ModelConfig> configs_of(const std::vector<ModelFiles>& models) {
  std::vector<ModelConfig> configs;
  for (const ModelFiles& files : models) configs.push_back(load_config(files));
  return configs;
}

void run_ppo(const CLI::App& command, PpoFlags flags) {
  PpoOptions options = flags.checked_options();
  flags.compute.apply_threads();
  const torch::Device device = flags.compute.torch_device();
  const torch::ScalarType dtype = flags.compute.training_dtype();
  const PpoModels models(flags);
  const SequenceEncoder encoder(load_tokenizer(models.policy));
  const std::unique_ptr<Collective> collective = Collective::from_environment(device);
  TrainingData data(flags.data, flags.run, *collective);
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
                          {"ppo",
                           run_configuration(command),
                           models.parents(flags),
                           data_hash(prompts),
                           {{"eval_data", eval_prompts.empty() ? "" : data_hash(eval_prompts)},
                            {"gold_reward_model", models.gold.empty() ? "" : reward_hash(models.gold)}},
                           encoder.tokenizer().hash(),
                           options.training.save_total_limit,
                           data.parts()},
                          *collective);
  if (session.finished()) return;

  const PpoShape shape{load_config(models.policy),
                       load_config(models.reference),
                       load_config(models.critic),
                       configs_of(models.reward),
                       configs_of(models.gold),
                       planned_pass(options.training, device, dtype),
                       token_counts(prompt_ids),
                       token_counts(eval_prompt_ids),
                       /*generates=*/flags.listen.empty() || flags.local_rollouts,
                       /*serves=*/!flags.listen.empty() && collective->is_first()};
  const MemoryFit memory(
      {flags.memory_limit, "responses", options.training.per_device_train_batch_size, session.resume_from(),
       [&](int64_t size) { return plan_ppo(shape, options, collective->world_size(), size); }},
      device, *collective);
  options.training.micro_batch_size = memory.micro_batch_size();

  const ModelFiles start =
      session.resume_from() ? ModelFiles::in_folder(*session.resume_from()) : models.policy;
  LanguageModel policy = load_language_model(start, torch::kFloat32, device, /*trainable=*/true);
  policy.decoder().set_compute_dtype(dtype);
  policy.decoder().set_gradient_checkpointing(options.training.gradient_checkpointing);
  policy.require_grad(true);
  const LanguageModel reference = load_language_model(models.reference, dtype, device, false);
  LoadedScalarModel critic =
      load_scalar_model(models.critic, torch::kFloat32, device, /*trainable=*/true, options.training.seed);
  if (critic.fresh_head && collective->is_first())
    std::cerr << flags.critic_model << " is a language model: the critic gets a fresh scalar head.\n";
  critic.model.decoder().set_compute_dtype(dtype);
  critic.model.decoder().set_gradient_checkpointing(options.training.gradient_checkpointing);
  critic.model.require_grad(true);
  const auto scorer = load_reward_models(models.reward, dtype, device, "--reward_model");
  const std::unique_ptr<RewardEnsemble> gold =
      models.gold.empty() ? nullptr : load_reward_models(models.gold, dtype, device, "--gold_reward_model");

  LivePolicyRunner runner(policy, dtype, encoder.tokenizer().eos_ids(), *scorer);
  LocalRolloutSource local(runner);
  std::unique_ptr<ServedRollouts> served;
  if (!flags.listen.empty() && collective->is_first())
    served = std::make_unique<ServedRollouts>(flags, shape.policy.vocab_size, models.reward,
                                              flags.local_rollouts ? &runner : nullptr);

  TrainerState state = session.start();
  PpoSurroundings around{served ? static_cast<RolloutSource&>(*served) : local,
                         flags.listen.empty() ? RolloutPlace::kEveryProcess : RolloutPlace::kFirstProcess,
                         local,
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
  memory.report_peak();
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
