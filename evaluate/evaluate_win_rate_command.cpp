#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/model_reference.h"
#include "cli/sampling_flags.h"
#include "cli/text_scorer.h"
#include "curves/diversity.h"
#include "evaluate/bootstrap.h"
#include "evaluate/evaluate_command.h"
#include "rollout/generator.h"
#include "text/sequence_encoder.h"

namespace rlhf {
namespace {

struct WinRateFlags {
  std::string model, against, reward_model;
  DatasetFlags data;
  ComputeFlags compute;
  SamplingOptions sampling;
  uint64_t seed = 42;
  int64_t limit = 0;
};

struct Answers {
  std::vector<std::string> texts;
  std::vector<std::vector<TokenId>> ids;
  double length_mean = 0, eos_fraction = 0;
};

Answers answer(const WinRateFlags& flags, const std::string& reference, const std::vector<Prompt>& prompts,
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
  const std::vector<GeneratedResponse> responses = generate(model, requests, options);
  require_finite(responses);
  Answers answers;
  for (const GeneratedResponse& response : responses) {
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

void run_win_rate(const WinRateFlags& flags) {
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
  const nlohmann::ordered_json result = {{"win_rate", win.value},
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
                                         {"distinct_2_against", distinct_n(theirs.ids, 2)}};
  std::cout << result.dump() << '\n';
}

}  // namespace

void add_evaluate_win_rate_command(CLI::App& evaluate) {
  auto flags = std::make_shared<WinRateFlags>();
  flags->data.split = "test";
  CLI::App* command =
      evaluate.add_subcommand("win_rate", "how often a model's answers score higher than another's");
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--against", flags->against, "the other model")->required();
  command->add_option("--reward_model", flags->reward_model, "who judges")->required();
  command->add_option("--input", flags->data.dataset, "the same as --dataset");
  command->add_option("--seed", flags->seed, "of the samples, the same for both")->capture_default_str();
  command->add_option("--limit", flags->limit, "prompts used; 0 = all")->capture_default_str();
  add_dataset_flags(*command, flags->data);
  add_sampling_flags(*command, flags->sampling);
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_win_rate(*flags); });
}

}  // namespace rlhf
