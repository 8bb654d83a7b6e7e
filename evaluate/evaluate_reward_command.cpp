#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/text_scorer.h"
#include "contract/error.h"
#include "evaluate/evaluate_command.h"
#include "evaluate/reward_accuracy.h"

namespace rlhf {
namespace {

struct RewardFlags {
  std::string model;
  DatasetFlags data;
  ComputeFlags compute;
};

void run_reward(const RewardFlags& flags) {
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
  const nlohmann::ordered_json object = {{"accuracy", result.accuracy.value},
                                         {"accuracy_low", result.accuracy.low},
                                         {"accuracy_high", result.accuracy.high},
                                         {"pairs", result.pairs},
                                         {"prompts", result.prompts},
                                         {"rankings", rankings.size()}};
  std::cout << object.dump() << '\n';
}

}  // namespace

void add_evaluate_reward_command(CLI::App& evaluate) {
  auto flags = std::make_shared<RewardFlags>();
  flags->data.split = "valid";
  CLI::App* command =
      evaluate.add_subcommand("reward", "accuracy of a reward model on rankings, with a 95 % interval");
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--input", flags->data.dataset, "the same as --dataset");
  add_dataset_flags(*command, flags->data);
  add_campaign_flag(*command, flags->data);
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_reward(*flags); });
}

}  // namespace rlhf
