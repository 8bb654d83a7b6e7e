#include <filesystem>
#include <iostream>
#include <memory>
#include <span>

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "cli/compute_flags.h"
#include "cli/dataset_flags.h"
#include "cli/text_scorer.h"
#include "contract/error.h"
#include "curves/append_file.h"
#include "curves/terminal_report.h"
#include "evaluate/evaluate_command.h"
#include "evaluate/reward_card.h"
#include "evaluate/reward_card_json.h"
#include "evaluate/reward_card_page.h"
#include "evaluate/reward_card_text.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

struct RewardFlags {
  std::string model;
  DatasetFlags data;
  std::vector<std::string> ceiling_dataset;
  std::size_t mistakes = 20;
  std::string html, output;
  ComputeFlags compute;
};

/// A file that cannot be written is told before the work, not after it.
void check_folder_of(const std::string& file, const std::string& flag) {
  if (file.empty()) return;
  const fs::path folder = fs::absolute(file).parent_path();
  if (!fs::is_directory(folder))
    throw UserError(flag + " " + file + ": there is no folder " + folder.string());
}

std::string data_in_words(const DatasetFlags& data) {
  if (!data.db.empty())
    return "split " + data.split + " of " + fs::path(data.db).filename().string() +
           (data.campaign.empty() ? "" : ", campaign " + data.campaign);
  std::string names;
  for (const std::string& file : data.dataset)
    names += (names.empty() ? "" : ", ") + fs::path(file).filename().string();
  return names;
}

std::vector<ImportRecord> ceiling_records(const RewardFlags& flags) {
  if (flags.ceiling_dataset.empty()) return {};
  DatasetFlags people;
  people.dataset = flags.ceiling_dataset;
  people.skip_bad_lines = flags.data.skip_bad_lines;
  return people.ranking_records();
}

void run_reward(const RewardFlags& flags) {
  flags.compute.apply_threads();
  check_folder_of(flags.html, "--html");
  check_folder_of(flags.output, "--output");
  TextScorer scorer(flags.model, flags.compute);
  std::vector<ImportRecord> records = flags.data.ranking_records();
  const std::size_t judged = records.size();
  for (ImportRecord& record : ceiling_records(flags)) records.push_back(std::move(record));
  const std::vector<ScoredRanking> rankings =
      score_rankings(std::move(records), [&](const auto& prompts, const auto& responses, const auto& places) {
        return scorer.score(prompts, responses, places);
      });
  const std::span<const ScoredRanking> all(rankings);
  RewardCard card = reward_card(all.first(judged), flags.ceiling_dataset.empty() ? all : all.subspan(judged),
                                flags.mistakes);
  card.model = flags.model;
  card.data = data_in_words(flags.data);

  std::cerr << reward_card_text(card, terminal_options(STDERR_FILENO));
  if (!flags.html.empty()) write_whole_file(flags.html, reward_card_page(card));
  const std::string json =
      reward_card_json(card).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (flags.output.empty())
    std::cout << json;
  else
    write_whole_file(flags.output, json);
}

}  // namespace

void add_evaluate_reward_command(CLI::App& evaluate) {
  auto flags = std::make_shared<RewardFlags>();
  flags->data.split = "valid";
  CLI::App* command = evaluate.add_subcommand(
      "reward", "report card of a reward model on rankings: accuracy, calibration, length, people, mistakes");
  command->add_option("--model", flags->model, "a folder or grpc://HOST:PORT/NAME")->required();
  command->add_option("--input", flags->data.dataset, "the same as --dataset");
  add_dataset_flags(*command, flags->data);
  add_campaign_flag(*command, flags->data);
  command->add_option(
      "--ceiling_dataset", flags->ceiling_dataset,
      "rankings of the same responses by several annotators, to measure people by; without it the "
      "data themselves");
  command->add_option("--mistakes", flags->mistakes, "worst mistakes kept")->capture_default_str();
  command->add_option("--html", flags->html, "write the card as a self-contained page to this file");
  command->add_option("--output", flags->output, "write the JSON to this file instead of standard output");
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_reward(*flags); });
}

}  // namespace rlhf
