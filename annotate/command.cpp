#include "annotate/command.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "annotate/page_server.h"
#include "annotate/simulate.h"
#include "annotate/terminal.h"
#include "annotate/terminal_keys.h"
#include "cli/campaign_settings.h"
#include "cli/interrupt.h"
#include "contract/error.h"
#include "contract/sha256.h"
#include "log/log.h"
#include "rpc/address.h"
#include "storage/database.h"

namespace rlhf {

namespace {

constexpr std::chrono::milliseconds kLookForInterrupt{50};
constexpr double kLongestLinkDays = 3650;

struct AnnotateFlags {
  std::string db;
  bool terminal = false;
  std::string simulate;
  std::string listen;
  std::string annotators;
  double link_days = 30;
  bool revoke_links = false;
  CampaignSettings settings;
  std::string split = "all";
  std::string model;
  std::string annotator;
  std::size_t raters = Lexicon::kRaters;
};

std::string default_annotator() {
  const char* user = std::getenv("USER");
  return user && *user ? user : "me";
}

struct Work {
  Campaign campaign;
  int64_t tasks_added = 0;
};

/// A campaign is made only when there is something to do in it; one whose tasks were chosen gets no others.
Work prepare_campaign(AnnotationStore& store, const AnnotateFlags& flags) {
  Work work{wanted_campaign(store, flags.settings)};
  if (store.has_chosen_tasks(work.campaign.id)) return work;
  const auto tasks = store.tasks_from_samples(work.campaign, flags.split, flags.model);
  const bool is_new = work.campaign.id == 0;
  if (tasks.empty() && (is_new || store.progress(work.campaign.id).tasks == 0)) {
    throw UserError(
        flags.db + ": no prompt has " + std::to_string(work.campaign.k) +
        " different responses of a model to rank; `rlhf data sample` makes them, or ask for fewer with --k");
  }
  if (is_new) work.campaign = store.open_campaign(work.campaign);
  work.tasks_added = store.add_tasks(work.campaign.id, tasks);
  return work;
}

nlohmann::ordered_json sit(AnnotationStore& store, const Campaign& campaign, const AnnotateFlags& flags) {
  const std::string name = flags.annotator.empty() ? default_annotator() : flags.annotator;
  TerminalKeys keys(STDIN_FILENO);
  const TerminalOptions options{campaign, store.annotator(name, "human"), keys.is_terminal()};
  const SittingResult result = annotate_in_terminal(
      store, options, [&] { return keys.next(); }, std::cerr);
  return {{"campaign", campaign.name},           {"annotator", name},
          {"submitted", result.submitted},       {"skipped", result.skipped},
          {"not_rankable", result.not_rankable}, {"taken_back", result.taken_back},
          {"finished", result.finished}};
}

nlohmann::ordered_json simulate(AnnotationStore& store, const Campaign& campaign, const Lexicon& lexicon,
                                const AnnotateFlags& flags) {
  const SimulationResult result =
      simulate_raters(store, lexicon, {campaign, flags.raters, sha256_file(flags.simulate)});
  return {{"campaign", campaign.name},
          {"raters", flags.raters},
          {"submitted", result.submitted},
          {"all_tied", result.all_tied}};
}

/// Makes a link for each of them.
std::vector<std::string> make_links(Database& database, int64_t campaign,
                                    const std::vector<PageAnnotator>& annotators,
                                    const AnnotateFlags& flags) {
  using namespace std::chrono;
  const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  const auto lifetime = static_cast<int64_t>(flags.link_days * 24 * 3600 * 1000);
  if (flags.revoke_links) end_annotator_links(database, campaign);
  std::vector<std::string> tokens;
  for (const PageAnnotator& annotator : annotators) {
    tokens.push_back(new_token());
    add_annotator_link(database, campaign, {sha256_digest(tokens.back()), annotator.id, now + lifetime});
  }
  return tokens;
}

/// Serves the page until interrupted. Addresses and links are the first line on stdout.
nlohmann::ordered_json serve_page(Database& database, AnnotationStore& store, const Campaign& campaign,
                                  const AnnotateFlags& flags) {
  const std::vector<PageAnnotator> annotators = page_annotators(store, flags.annotators);
  Address address = parse_listen_address(flags.listen);
  const std::vector<std::string> tokens = make_links(database, campaign.id, annotators, flags);
  catch_interrupts();
  const PageServer server({flags.db, campaign, address.host, address.port},
                          {annotators, annotator_links(database, campaign.id)});
  address.port = server.port();
  nlohmann::ordered_json links;
  for (std::size_t i = 0; i < annotators.size(); ++i)
    links[annotators[i].name] = "http://" + address.text() + "/a/" + tokens[i];
  std::cout << nlohmann::ordered_json{{"listening", address.text()}, {"links", links}}.dump() << std::endl;
  while (!interrupt_requested()) std::this_thread::sleep_for(kLookForInterrupt);
  log::info("stopping");
  return {{"campaign", campaign.name}};
}

void check_who_ranks(const AnnotateFlags& flags) {
  const int ways =
      (flags.terminal ? 1 : 0) + (flags.simulate.empty() ? 0 : 1) + (flags.listen.empty() ? 0 : 1);
  if (ways != 1)
    throw UserError(
        "say who ranks: --listen 127.0.0.1:0 --annotators NAME,NAME for people on a web page, --terminal for "
        "you here, or --simulate LEXICON for simulated raters");
  if (flags.listen.empty()) return;
  parse_listen_address(flags.listen);
  if (flags.annotators.empty()) throw UserError("--listen: say who may rank with --annotators NAME,NAME");
  if (!(flags.link_days > 0 && flags.link_days <= kLongestLinkDays))
    throw UserError("--link_days: more than 0 and at most 3650 days");
}

void annotate(const AnnotateFlags& flags) {
  check_who_ranks(flags);
  std::optional<Lexicon> lexicon;
  if (!flags.simulate.empty()) lexicon.emplace(flags.simulate);
  Database database(flags.db, IfAbsent::kRefuse);
  AnnotationStore store(database);
  const Work work = prepare_campaign(store, flags);
  auto line = lexicon          ? simulate(store, work.campaign, *lexicon, flags)
              : flags.terminal ? sit(store, work.campaign, flags)
                               : serve_page(database, store, work.campaign, flags);
  const CampaignProgress progress = store.progress(work.campaign.id);
  line["tasks"] = progress.tasks;
  line["tasks_added"] = work.tasks_added;
  line["tasks_done"] = progress.done;
  std::cout << line.dump() << std::endl;
}

}  // namespace

void add_annotate_command(CLI::App& app) {
  auto flags = std::make_shared<AnnotateFlags>();
  flags->settings.campaign.name = "default";
  CLI::App* command = app.add_subcommand(
      "annotate", "Rank responses of the ledger: on a web page, in the terminal, or by simulated raters");
  command->add_option("--db", flags->db, "The ledger")->required();
  command->add_option(
      "--listen", flags->listen,
      "Serve the web page at this HOST:PORT of this machine; port 0 picks one. The first line on "
      "stdout has the address and everybody's link");
  command->add_option("--annotators", flags->annotators, "Who may rank on the page: NAME,NAME");
  command->add_option("--link_days", flags->link_days, "Days that the links of the page hold")
      ->capture_default_str();
  command->add_flag("--revoke_links", flags->revoke_links, "Links made by earlier runs hold no more");
  command->add_flag("--terminal", flags->terminal,
                    "Rank here: digits give the order, = ties, s skips, u takes back, q quits");
  command->add_option("--simulate", flags->simulate,
                      "Let the ten raters of this lexicon (vader_lexicon.txt) rank");
  command->add_option("--raters", flags->raters, "Simulated raters who take part, 1 to 10")
      ->capture_default_str();
  command->add_option("--annotator", flags->annotator, "Your name in the ledger; $USER when not given");
  add_campaign_settings(*command, flags->settings);
  command->add_option("--seed", flags->settings.campaign.seed, "Of the order in which responses are shown")
      ->capture_default_str();
  command->add_option("--split", flags->split, "Prompts to make tasks of: train, valid, test or all")
      ->capture_default_str();
  command->add_option("--model", flags->model, "Only responses of the model with this hash");
  command->callback([flags] { annotate(*flags); });
}

}  // namespace rlhf
