#include "reward_model/command.h"

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <set>

#include <CLI/CLI.hpp>
#include <torch/utils.h>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/memory_limit.h"
#include "cli/model_record.h"
#include "cli/model_reference.h"
#include "cli/training_data.h"
#include "cli/training_flags.h"
#include "cli/training_session.h"
#include "contract/data_hash.h"
#include "contract/error.h"
#include "formats/dataset_files.h"
#include "reward_model/dataset.h"
#include "reward_model/normalizer.h"
#include "reward_model/reward_trainer.h"
#include "rollout/generator.h"
#include "train/sample_order.h"

namespace rlhf {
namespace {

struct RewardFlags {
  std::string model, policy;
  DatasetFlags data;
  RunFlags run;
  ComputeFlags compute;
  TrainingOptions training;
  std::string memory_limit;
  int64_t max_length = 1024;
  std::vector<std::string> normalizer_prompts;
  int64_t normalizer_samples = 512;
  int64_t response_length = 64;
  double head_scale = 1.0;
};

std::vector<RankedSequences> sequences_of(const std::string& name, const std::vector<Ranking>& rankings,
                                          const SequenceEncoder& encoder, int64_t max_length, bool say) {
  if (rankings.empty()) return {};
  RewardDatasetReport report;
  std::vector<RankedSequences> kept = make_ranked_sequences(rankings, encoder, max_length, report);
  if (say) {
    std::cerr << name << ": " << kept.size() << " rankings, " << report.responses << " responses, "
              << report.pairs << " pairs";
    if (report.all_tied) std::cerr << "; " << report.all_tied << " left out with ties only";
    if (report.too_long)
      std::cerr << "; " << report.too_long << " left out, longer than " << max_length << " tokens";
    std::cerr << '\n';
  }
  return kept;
}

// A small split may hold nothing but ties: then training goes on without evaluation.
std::vector<RankedSequences> eval_sequences_of(const std::vector<Ranking>& rankings,
                                               const SequenceEncoder& encoder, int64_t max_length, bool say) {
  const bool comparable = std::any_of(rankings.begin(), rankings.end(), [](const Ranking& ranking) {
    return std::set<int>(ranking.ranks.begin(), ranking.ranks.end()).size() > 1;
  });
  if (comparable) return sequences_of("eval", rankings, encoder, max_length, say);
  if (say && !rankings.empty())
    std::cerr << "eval: none of the " << rankings.size() << " rankings tells two responses apart\n";
  return {};
}

// What the policy is asked for the normaliser: the prompts that PPO will use, else those of the rankings.
std::vector<Prompt> normalizer_prompts(const RewardFlags& flags, const std::vector<Ranking>& rankings) {
  if (!flags.normalizer_prompts.empty()) return PromptFiles({flags.normalizer_prompts, "", false}).prompts();
  std::vector<Prompt> prompts;
  for (const Ranking& ranking : rankings) prompts.push_back(ranking.prompt);
  return prompts;
}

/// What --policy will be asked once training is over. Made before it begins, so that nothing wrong is found
/// too late.
struct PolicySampling {
  ModelFiles policy;
  std::vector<Prompt> prompts;  // those that are drawn from
  std::vector<GenerationRequest> requests;
};

std::optional<PolicySampling> plan_sampling(const RewardFlags& flags, const std::vector<Ranking>& rankings,
                                            const SequenceEncoder& encoder) {
  if (flags.policy.empty()) return std::nullopt;
  PolicySampling plan{open_model(flags.policy, "--policy"), normalizer_prompts(flags, rankings), {}};
  require_same_tokenizer(load_tokenizer(plan.policy), "--policy", encoder.tokenizer(), "--model");
  const int64_t room = load_config(plan.policy).max_position_embeddings - flags.response_length;
  SampleOrder order(flags.training.seed, static_cast<int64_t>(plan.prompts.size()));
  for (const int64_t index : order.draw(0, flags.normalizer_samples)) {
    std::vector<TokenId> ids = encoder.prompt(plan.prompts[static_cast<size_t>(index)]);
    if (!ids.empty() && static_cast<int64_t>(ids.size()) <= room)
      plan.requests.push_back({std::move(ids), static_cast<int64_t>(plan.requests.size()), 1});
  }
  if (plan.requests.size() < 2)
    throw UserError("fewer than two prompts leave room for --response_length " +
                    std::to_string(flags.response_length) + " in the context of --policy: lower it");
  return plan;
}

// Prompts and responses, at temperature 1, of those that came to their end: the model was never shown others,
// and PPO gives others a score of its own (--missing_eos_score).
std::vector<std::vector<TokenId>> sample_policy(const RewardFlags& flags, const PolicySampling& plan,
                                                const SequenceEncoder& encoder) {
  GeneratorOptions options;
  options.sampling.max_new_tokens = static_cast<int32_t>(flags.response_length);
  options.eos_token_ids = encoder.tokenizer().eos_ids();
  options.seed = flags.training.seed;
  LanguageModel policy =
      load_language_model(plan.policy, flags.compute.torch_dtype(), flags.compute.torch_device(), false);
  policy.pack_for_decoding();
  const std::vector<GeneratedResponse> responses = generate(policy, plan.requests, options);
  require_finite(responses);
  std::vector<std::vector<TokenId>> sequences;
  for (size_t i = 0; i < responses.size(); ++i) {
    if (responses[i].finish_reason != FinishReason::kStop) continue;
    sequences.push_back(plan.requests[i].prompt_ids);
    sequences.back().insert(sequences.back().end(), responses[i].token_ids.begin(),
                            responses[i].token_ids.end());
  }
  return sequences;
}

// What the score is normalised over: samples of the policy, without them validation responses, else training
// responses.
RewardNormalizer normalizer_of(const RewardFlags& flags, const ScalarModel& model,
                               const SequenceEncoder& encoder, const std::optional<PolicySampling>& plan,
                               const std::vector<RankedSequences>& responses) {
  std::vector<std::vector<TokenId>> sequences;
  std::string over = "finished samples of --policy";
  if (plan) sequences = sample_policy(flags, *plan, encoder);
  if (plan && sequences.size() < 2)
    std::cerr << "Fewer than two of " << plan->requests.size()
              << " samples of --policy came to their end within " << flags.response_length
              << " tokens: the ranked responses stand in for them.\n";
  if (sequences.size() < 2) {
    sequences.clear();
    over = "ranked responses";
    for (const RankedSequences& ranking : responses)
      sequences.insert(sequences.end(), ranking.sequences.begin(), ranking.sequences.end());
    if (static_cast<int64_t>(sequences.size()) > flags.normalizer_samples)
      sequences.resize(static_cast<size_t>(flags.normalizer_samples));
  }
  const RewardNormalizer normalizer =
      measure_normalizer(model, sequences, flags.training.per_device_eval_batch_size);
  std::cerr << "Scores are normalised by mean " << normalizer.mean << ", deviation " << normalizer.std
            << " of " << sequences.size() << " " << over << ".\n";
  return normalizer;
}

void run_reward(const CLI::App& command, RewardFlags flags) {
  check_training_flags(flags.training);
  flags.compute.apply_threads();
  const torch::Device device = flags.compute.torch_device();
  const torch::ScalarType dtype = flags.compute.training_dtype();
  const ModelFiles files = open_model(flags.model);
  const SequenceEncoder encoder(load_tokenizer(files));
  const std::unique_ptr<Collective> collective = Collective::from_environment(device);
  TrainingData data(flags.data, flags.run, *collective);
  const std::vector<Ranking> rankings = data.rankings();
  const std::vector<Ranking> eval_rankings = data.eval_rankings();
  const std::optional<PolicySampling> sampling = plan_sampling(flags, rankings, encoder);

  if (flags.run.ledger.empty()) flags.run.ledger = flags.data.db;
  const std::vector<StartModel> parents{{"initial", model_record(files, flags.model)}};
  TrainingSession session(flags.run,
                          {"reward",
                           run_configuration(command),
                           parents,
                           data_hash(rankings),
                           {{"eval_data", eval_rankings.empty() ? "" : data_hash(eval_rankings)},
                            {"normalizer_prompts", sampling ? data_hash(sampling->prompts) : ""},
                            {"policy", sampling ? sampling->policy.manifest().model_hash : ""}},
                           encoder.tokenizer().hash(),
                           flags.training.save_total_limit,
                           data.parts()},
                          *collective);
  if (session.finished()) return;
  const bool say = collective->is_first();
  const ModelConfig config = load_config(files);
  const int64_t longest = std::min(flags.max_length, config.max_position_embeddings);
  const std::vector<RankedSequences> train = sequences_of("train", rankings, encoder, longest, say);
  const std::vector<RankedSequences> eval = eval_sequences_of(eval_rankings, encoder, longest, say);

  const PassOptions pass = planned_pass(flags.training, device, dtype);
  const MemoryFit memory(
      {flags.memory_limit, "rankings", flags.training.per_device_train_batch_size, session.resume_from(),
       [&](int64_t size) { return plan_reward_training(config, pass, train, eval, flags.training, size); }},
      device, *collective);
  flags.training.micro_batch_size = memory.micro_batch_size();

  const ModelFiles start = session.resume_from() ? ModelFiles::in_folder(*session.resume_from()) : files;
  LoadedScalarModel loaded =
      load_scalar_model(start, torch::kFloat32, device, /*trainable=*/true, flags.training.seed);
  if (loaded.fresh_head) {
    torch::NoGradGuard no_grad;
    torch::Tensor(loaded.model.score_weight()).mul_(flags.head_scale);
    if (say) std::cerr << flags.model << " is a language model: it gets a fresh scalar head.\n";
  }
  ScalarModel& model = loaded.model;
  model.decoder().set_compute_dtype(dtype);
  model.decoder().set_gradient_checkpointing(flags.training.gradient_checkpointing);
  model.require_grad(true);
  auto trainer = std::make_unique<RewardTrainer>(model, train, eval, flags.training, *collective);
  TrainerState state = session.start();
  if (session.resume_from()) trainer->resume(*session.resume_from(), state);
  trainer->train(state, session.surroundings(), [&](const std::filesystem::path& folder) {
    save_scalar_model(model, {}, folder);
    save_tokenizer(encoder.tokenizer(), folder);
  });

  trainer.reset();  // AdamW's moments make room for the policy that samples

  RewardNormalizer normalizer;
  if (collective->is_first())
    normalizer = normalizer_of(flags, model, encoder, sampling, eval.empty() ? train : eval);
  session.finish(state, [&](const std::filesystem::path& folder) {
    save_scalar_model(model, normalizer, folder);
    save_tokenizer(encoder.tokenizer(), folder);
  });
  memory.report_peak();
}

}  // namespace

void add_reward_command(CLI::App& app) {
  auto flags = std::make_shared<RewardFlags>();
  flags->training.learning_rate = 1e-5;
  flags->training.num_train_epochs = 1;
  CLI::App* command = app.add_subcommand("reward", "a reward model from rankings");
  command->add_option("--model", flags->model, "model to start from: a folder or grpc://HOST:PORT/NAME")
      ->required();
  command->add_option("--policy", flags->policy,
                      "SFT model whose samples normalise the score; without it the ranked responses do");
  add_dataset_flags(*command, flags->data);
  add_campaign_flag(*command, flags->data);
  add_run_flags(*command, flags->run);
  add_training_flags(*command, flags->training);
  add_memory_flags(*command, flags->memory_limit);
  add_compute_flags(*command, flags->compute, "auto");
  command
      ->add_option("--max_length", flags->max_length, "tokens; rankings with a longer response are left out")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--normalizer_prompts", flags->normalizer_prompts,
                      "files of prompts for --policy; without them those of the rankings");
  command
      ->add_option("--normalizer_samples", flags->normalizer_samples,
                   "responses that the score is normalised over")
      ->capture_default_str()
      ->check(CLI::Range(2, 1 << 24));
  command->add_option("--response_length", flags->response_length, "tokens of a sample of --policy")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--head_scale", flags->head_scale, "multiplies the deviation of a fresh scalar head")
      ->capture_default_str();
  command->callback([flags, command] { run_reward(*command, *flags); });
}

}  // namespace rlhf
