#include <cmath>
#include <iostream>
#include <memory>
#include <numbers>

#include <CLI/CLI.hpp>
#include <torch/utils.h>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/json_lines.h"
#include "cli/model_reference.h"
#include "cli/sampling_flags.h"
#include "cli/text_scorer.h"
#include "contract/error.h"
#include "curves/diversity.h"
#include "evaluate/bootstrap.h"
#include "evaluate/command.h"
#include "evaluate/reward_accuracy.h"
#include "rollout/generator.h"
#include "text/sequence_encoder.h"

namespace rlhf {
namespace {

struct EvaluateFlags {
  std::string model, against, reward_model;
  DatasetFlags data;
  ComputeFlags compute;
  SamplingOptions sampling;
  uint64_t seed = 42;
  int64_t limit = 0;
};

void print(const nlohmann::ordered_json& object) {
  std::cout << object.dump() << '\n';
}

void run_perplexity(const EvaluateFlags& flags) {
  flags.compute.apply_threads();
  const ModelFiles files = open_model(flags.model);
  const Tokenizer tokenizer = load_tokenizer(files);
  const LanguageModel model =
      load_language_model(files, flags.compute.torch_dtype(), flags.compute.torch_device(), false);
  const int64_t context = model.decoder().config().max_position_embeddings;
  torch::NoGradGuard no_grad;
  double nats = 0;
  int64_t tokens = 0, bytes = 0;
  for (const Demonstration& d : flags.data.demonstrations()) {
    if (d.prompt.is_chat()) throw UserError(d.origin + ": evaluate perplexity reads text, not conversations");
    const std::string text = d.prompt.text + d.completion;
    const std::vector<TokenId> ids = tokenizer.encode(text);
    bytes += static_cast<int64_t>(text.size());
    // Texts longer than the context are read in windows; the first token of a window has nothing before it.
    for (size_t begin = 0; begin + 1 < ids.size(); begin += static_cast<size_t>(context)) {
      const size_t end = std::min(begin + static_cast<size_t>(context), ids.size());
      if (end - begin < 2) break;
      const TokenBatch batch = TokenBatch::pack({{ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                                  ids.begin() + static_cast<std::ptrdiff_t>(end)}},
                                                model.decoder().device());
      const int64_t count = batch.tokens() - 1;
      nats -= model
                  .token_logprobs(model.decoder().forward(batch).narrow(0, 0, count),
                                  batch.token_ids.narrow(0, 1, count))
                  .logprobs.sum(torch::kFloat64)
                  .item<double>();
      tokens += count;
    }
  }
  if (tokens == 0) throw UserError("the data has no two tokens in a row");
  const double loss = nats / static_cast<double>(tokens);
  print({{"perplexity", std::exp(loss)},
         {"loss", loss},
         {"bits_per_byte", nats / std::numbers::ln2 / static_cast<double>(bytes)},
         {"tokens", tokens},
         {"bytes", bytes}});
}

void run_reward(const EvaluateFlags& flags) {
  flags.compute.apply_threads();
  TextScorer scorer(flags.model, flags.compute);
  const std::vector<Ranking> rankings = flags.data.rankings();
  std::vector<Prompt> prompts;
  std::vector<std::string> responses, places;
  for (const Ranking& ranking : rankings) {
    places.insert(places.end(), ranking.responses.size(), ranking.origin);
    prompts.insert(prompts.end(), ranking.responses.size(), ranking.prompt);
    responses.insert(responses.end(), ranking.responses.begin(), ranking.responses.end());
  }
  const std::vector<Score> flat = scorer.score(prompts, responses, places);
  std::vector<std::vector<double>> scores;
  size_t next = 0;
  for (const Ranking& ranking : rankings) {
    scores.emplace_back();
    for (size_t i = 0; i < ranking.responses.size(); ++i) scores.back().push_back(flat[next++].mean);
  }
  const RewardAccuracy result = reward_accuracy(rankings, scores);
  if (result.pairs == 0) throw UserError("the data has no untied pair");
  print({{"accuracy", result.accuracy.value},
         {"accuracy_low", result.accuracy.low},
         {"accuracy_high", result.accuracy.high},
         {"pairs", result.pairs},
         {"prompts", result.prompts},
         {"rankings", rankings.size()}});
}

struct Answers {
  std::vector<std::string> texts;
  std::vector<std::vector<TokenId>> ids;
  double length_mean = 0, eos_fraction = 0;
};

Answers answer(const EvaluateFlags& flags, const std::string& reference, const std::vector<Prompt>& prompts,
               const std::string& flag) {
  const ModelFiles files = open_model(reference, flag);
  const SequenceEncoder encoder(load_tokenizer(files));
  LanguageModel model =
      load_language_model(files, flags.compute.torch_dtype(), flags.compute.torch_device(), false);
  model.pack_for_decoding();
  GeneratorOptions options;
  options.sampling = flags.sampling;
  options.eos_token_ids = encoder.tokenizer().eos_ids();
  options.seed = flags.seed;
  std::vector<GenerationRequest> requests;
  for (const Prompt& prompt : prompts)
    requests.push_back({encoder.prompt(prompt), static_cast<int64_t>(requests.size()), 1});
  Answers answers;
  for (const GeneratedResponse& response : generate(model, requests, options)) {
    answers.texts.push_back(encoder.tokenizer().decode(response.token_ids));
    answers.ids.push_back(response.token_ids);
    const bool stopped = response.finish_reason == FinishReason::kStop;
    if (stopped) answers.ids.back().pop_back();
    answers.length_mean += static_cast<double>(response.token_ids.size());
    answers.eos_fraction += stopped ? 1 : 0;
  }
  answers.length_mean /= static_cast<double>(prompts.size());
  answers.eos_fraction /= static_cast<double>(prompts.size());
  return answers;
}

double mean_of(const std::vector<Score>& scores) {
  double sum = 0;
  for (const Score& score : scores) sum += score.mean;
  return sum / static_cast<double>(scores.size());
}

void run_win_rate(const EvaluateFlags& flags) {
  flags.compute.apply_threads();
  std::vector<Prompt> prompts = flags.data.prompts();
  if (flags.limit > 0 && static_cast<int64_t>(prompts.size()) > flags.limit)
    prompts.resize(static_cast<size_t>(flags.limit));
  const Answers ours = answer(flags, flags.model, prompts, "--model");
  const Answers theirs = answer(flags, flags.against, prompts, "--against");
  TextScorer scorer(flags.reward_model, flags.compute, "--reward_model");
  std::vector<std::string> places;
  for (size_t i = 0; i < prompts.size(); ++i)
    places.push_back("the answer to prompt " + std::to_string(i + 1));
  const std::vector<Score> our_scores = scorer.score(prompts, ours.texts, places);
  const std::vector<Score> their_scores = scorer.score(prompts, theirs.texts, places);
  std::vector<Cluster> clusters;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const double gap = our_scores[i].mean - their_scores[i].mean;
    clusters.push_back({gap > 0 ? 1.0 : gap == 0 ? 0.5 : 0.0, 1.0});
  }
  const Estimate win = bootstrap_ratio(clusters);
  print({{"win_rate", win.value},
         {"win_rate_low", win.low},
         {"win_rate_high", win.high},
         {"prompts", prompts.size()},
         {"score", mean_of(our_scores)},
         {"score_against", mean_of(their_scores)},
         {"length", ours.length_mean},
         {"length_against", theirs.length_mean},
         {"eos_fraction", ours.eos_fraction},
         {"eos_fraction_against", theirs.eos_fraction},
         {"distinct_2", distinct_n(ours.ids, 2)},
         {"distinct_2_against", distinct_n(theirs.ids, 2)}});
}

}  // namespace

void add_evaluate_command(CLI::App& app) {
  CLI::App* evaluate = app.add_subcommand("evaluate", "measure models: perplexity, reward, win_rate");
  evaluate->require_subcommand(1);

  auto perplexity = std::make_shared<EvaluateFlags>();
  CLI::App* command =
      evaluate->add_subcommand("perplexity", "perplexity and bits per byte of a language model on text");
  command->add_option("--model", perplexity->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--input", perplexity->data.dataset, "the same as --dataset");
  add_dataset_flags(*command, perplexity->data);
  add_compute_flags(*command, perplexity->compute, "float32");
  command->callback([perplexity] { run_perplexity(*perplexity); });

  auto reward = std::make_shared<EvaluateFlags>();
  reward->data.split = "valid";
  command =
      evaluate->add_subcommand("reward", "accuracy of a reward model on rankings, with a 95 % interval");
  command->add_option("--model", reward->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--input", reward->data.dataset, "the same as --dataset");
  add_dataset_flags(*command, reward->data);
  add_campaign_flag(*command, reward->data);
  add_compute_flags(*command, reward->compute, "float32");
  command->callback([reward] { run_reward(*reward); });

  auto win_rate = std::make_shared<EvaluateFlags>();
  win_rate->data.split = "test";
  command = evaluate->add_subcommand("win_rate", "how often a model's answers score higher than another's");
  command->add_option("--model", win_rate->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--against", win_rate->against, "the other model")->required();
  command->add_option("--reward_model", win_rate->reward_model, "who judges")->required();
  command->add_option("--input", win_rate->data.dataset, "the same as --dataset");
  command->add_option("--seed", win_rate->seed, "of the samples, the same for both")->capture_default_str();
  command->add_option("--limit", win_rate->limit, "prompts used; 0 = all")->capture_default_str();
  add_dataset_flags(*command, win_rate->data);
  add_sampling_flags(*command, win_rate->sampling);
  add_compute_flags(*command, win_rate->compute, "float32");
  command->callback([win_rate] { run_win_rate(*win_rate); });
}

}  // namespace rlhf
