#include "select/command.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/campaign_settings.h"
#include "cli/compute_flags.h"
#include "cli/text_scorer.h"
#include "contract/error.h"
#include "select/diversity.h"
#include "select/strategies.h"
#include "storage/candidate_store.h"
#include "storage/model_store.h"

namespace rlhf {
namespace {

struct SelectFlags {
  std::string db, strategy, reward_model, model;
  CampaignSettings settings;
  std::string split = "all";
  int64_t count = 0;
  uint64_t seed = 42;
  ComputeFlags compute;
};

bool reads_scores(Strategy strategy) {
  return strategy == Strategy::kDisagreement || strategy == Strategy::kMargin;
}

/// Loads what the strategy scores with; nothing for one that does not.
std::unique_ptr<TextScorer> scorer_for(Strategy strategy, const SelectFlags& flags) {
  const std::string named = "--strategy " + flags.strategy;
  if (!reads_scores(strategy)) {
    if (!flags.reward_model.empty()) throw UserError(named + " asks no --reward_model: leave it out");
    return nullptr;
  }
  if (flags.reward_model.empty()) throw UserError(named + " needs --reward_model");
  auto scorer = std::make_unique<TextScorer>(flags.reward_model, flags.compute, "--reward_model");
  if (strategy == Strategy::kDisagreement && scorer->members() < 2)
    throw UserError(named +
                    " needs an ensemble: one reward model cannot disagree with itself; give --reward_model "
                    "MODEL,MODEL,..., trained with other seeds");
  return scorer;
}

/// [member][candidate][response]
std::vector<std::vector<std::vector<Score>>> scores_of(const std::vector<ResponseSet>& candidates,
                                                       TextScorer& scorer) {
  std::vector<Prompt> prompts;
  std::vector<std::string> responses, places;
  for (const ResponseSet& candidate : candidates) {
    for (std::size_t i = 0; i < candidate.responses.size(); ++i) {
      prompts.push_back(candidate.prompt);
      responses.push_back(candidate.responses[i]);
      places.push_back("response " + std::to_string(candidate.response_ids[i]) + " of the ledger");
    }
  }
  std::vector<std::vector<std::vector<Score>>> scores;
  for (const std::vector<Score>& member : scorer.member_scores(prompts, responses, places)) {
    auto next = member.begin();
    scores.emplace_back();
    for (const ResponseSet& candidate : candidates) {
      const auto end = next + static_cast<std::ptrdiff_t>(candidate.responses.size());
      scores.back().emplace_back(next, end);
      next = end;
    }
  }
  return scores;
}

std::vector<double> scored_priorities(Strategy strategy, const std::vector<ResponseSet>& candidates,
                                      TextScorer& scorer) {
  const auto scores = scores_of(candidates, scorer);
  std::vector<double> priorities;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    std::vector<std::vector<Score>> members;
    for (const auto& member : scores) members.push_back(member[c]);
    if (strategy == Strategy::kMargin) {
      std::vector<double> raw;
      for (const Score& score : combine_scores(members)) raw.push_back(score.raw);
      priorities.push_back(uncertainty(raw));
      continue;
    }
    std::vector<std::vector<double>> normalised;
    for (const std::vector<Score>& member : members) {
      normalised.emplace_back();
      for (const Score& score : member) normalised.back().push_back(score.mean);
    }
    priorities.push_back(disagreement(normalised));
  }
  return priorities;
}

std::vector<TextFeatures> features_of(const std::vector<ResponseSet>& sets) {
  std::vector<TextFeatures> features;
  for (const ResponseSet& set : sets) features.push_back(text_features(set.prompt, set.responses));
  return features;
}

struct Choice {
  std::vector<Pick> picks;
  std::optional<double> mean;  ///< of the priorities of all candidates, where all have one
};

/// What a choice is made with.
struct Means {
  Strategy strategy;
  TextScorer* scorer;  ///< for strategies that read scores
  uint64_t seed;
  Database& database;
};

Choice choose(const Means& means, const std::vector<ResponseSet>& candidates, std::size_t count) {
  if (means.strategy == Strategy::kDiversity)
    return {farthest_first(features_of(candidates), features_of(read_task_sets(means.database)), count),
            std::nullopt};
  std::vector<double> priorities;
  if (means.strategy == Strategy::kRandom)
    for (const ResponseSet& candidate : candidates)
      priorities.push_back(drawn_priority(means.seed, candidate.prompt, candidate.responses));
  else
    priorities = scored_priorities(means.strategy, candidates, *means.scorer);
  double sum = 0;
  for (const double priority : priorities) sum += priority;
  return {highest(priorities, count), sum / static_cast<double>(priorities.size())};
}

/// Makes the campaign when it is new, and its tasks, all or nothing.
int64_t write_tasks(AnnotationStore& store, Campaign& campaign, const std::vector<ResponseSet>& candidates,
                    const std::vector<Pick>& picks, const std::string& reason) {
  std::vector<TaskSpec> tasks;
  for (const Pick& pick : picks)
    tasks.push_back(
        {candidates[pick.index].prompt_id, candidates[pick.index].response_ids, pick.priority, reason, {}});
  int64_t added = 0;
  store.in_one_transaction([&] {
    if (campaign.id == 0) campaign = store.open_campaign(campaign);
    added = store.add_tasks(campaign.id, tasks);
  });
  return added;
}

double mean_priority(const std::vector<Pick>& picks) {
  double sum = 0;
  for (const Pick& pick : picks) sum += pick.priority;
  return sum / static_cast<double>(picks.size());
}

void tell(const SelectFlags& flags, std::size_t candidates, const Choice& choice) {
  char numbers[120] = "";
  if (choice.mean)
    std::snprintf(numbers, sizeof numbers, ": %.3f on the mean, %.3f over all", mean_priority(choice.picks),
                  *choice.mean);
  std::cerr << "Chose " << choice.picks.size() << " of " << candidates << " prompts by " << flags.strategy
            << numbers << ".\n";
}

void run_select(const SelectFlags& flags) {
  const Strategy strategy = strategy_named(flags.strategy);
  flags.compute.apply_threads();
  Database database(flags.db, IfAbsent::kRefuse);
  AnnotationStore store(database);
  Campaign campaign = wanted_campaign(store, flags.settings);
  if (!campaign.open)
    throw UserError("campaign \"" + campaign.name + "\" is closed: name another with --campaign");
  const std::unique_ptr<TextScorer> scorer = scorer_for(strategy, flags);
  const std::string model = flags.model.empty() ? "" : model_with_prefix(database, flags.model);
  const int64_t there = count_tasks(database, campaign.id, flags.strategy);
  const std::vector<ResponseSet> candidates =
      read_candidates(database, {campaign.id, campaign.k, flags.split, model});
  if (candidates.empty() && there == 0)
    throw UserError(flags.db + ": no prompt has " + std::to_string(campaign.k) +
                    " different responses of a model that campaign \"" + campaign.name +
                    "\" does not have; `rlhf data sample` makes them, or ask for fewer with --k");
  nlohmann::ordered_json line = {
      {"campaign", campaign.name}, {"strategy", flags.strategy}, {"candidates", candidates.size()}};
  int64_t added = 0;
  if (const auto wanted = static_cast<std::size_t>(std::max<int64_t>(flags.count - there, 0));
      wanted > 0 && !candidates.empty()) {
    const Choice choice = choose({strategy, scorer.get(), flags.seed, database}, candidates, wanted);
    added = write_tasks(store, campaign, candidates, choice.picks, flags.strategy);
    line["priority_mean"] = mean_priority(choice.picks);
    if (choice.mean) line["candidates_mean"] = *choice.mean;
    tell(flags, candidates.size(), choice);
  }
  line["tasks_added"] = added;
  line["tasks"] = there + added;
  if (there + added < flags.count)
    std::cerr << "There are " << there + added << " tasks, not " << flags.count
              << ": the prompts are used up.\n";
  std::cout << line.dump() << std::endl;
}

}  // namespace

void add_select_command(CLI::App& data) {
  auto flags = std::make_shared<SelectFlags>();
  flags->settings.campaign.name = "default";
  CLI::App* command =
      data.add_subcommand("select", "Choose which sampled responses people should rank: tasks of a campaign");
  command->add_option("--db", flags->db, "The ledger, with what rlhf data sample put there")->required();
  command
      ->add_option(
          "--strategy", flags->strategy,
          "disagreement of an ensemble about the order; margin: what the reward model cannot tell apart; "
          "diversity of the texts; random: the control")
      ->required();
  command
      ->add_option("--count", flags->count,
                   "Tasks that the campaign is to have for this reason; those it has already count")
      ->required()
      ->check(CLI::PositiveNumber);
  command->add_option(
      "--reward_model", flags->reward_model,
      "For disagreement and margin: a folder or grpc://HOST:PORT/NAME; MODEL,MODEL,... is an ensemble");
  add_campaign_settings(*command, flags->settings);
  command->add_option("--split", flags->split, "prompts of this split only: train, valid, test or all")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "valid", "test", "all"}));
  command->add_option("--model", flags->model,
                      "Only responses of the model with this hash, or its first digits");
  command->add_option("--seed", flags->seed, "of --strategy random")->capture_default_str();
  add_compute_flags(*command, flags->compute, "float32");
  command->callback([flags] { run_select(*flags); });
}

}  // namespace rlhf
