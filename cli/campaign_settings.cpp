#include "cli/campaign_settings.h"

#include <fstream>
#include <iterator>

#include <CLI/CLI.hpp>

#include "contract/error.h"

namespace rlhf {
namespace {

std::string read_guidelines(const std::string& path) {
  if (path.empty()) return {};
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(path + ": no such file");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

void add_campaign_settings(CLI::App& command, CampaignSettings& settings) {
  command
      .add_option("--campaign", settings.campaign.name,
                  "Campaign to work on; made with the settings below when new")
      ->capture_default_str();
  command.add_option("--k", settings.campaign.k, "Responses a task, 2 to 9")->capture_default_str();
  command.add_option("--overlap", settings.campaign.overlap, "People who answer each task")
      ->capture_default_str();
  command.add_option("--guidelines", settings.guidelines_file, "Text file shown by ?");
  command.add_flag("--show_models", settings.show_models, "Name the model of each response");
}

Campaign wanted_campaign(AnnotationStore& store, const CampaignSettings& settings) {
  if (const auto there = store.find_campaign(settings.campaign.name)) return *there;
  Campaign campaign = settings.campaign;
  if (campaign.k < 2 || campaign.k > 9)
    throw UserError("--k " + std::to_string(campaign.k) + ": 2 to 9 responses a task");
  campaign.blind = !settings.show_models;
  campaign.guidelines = read_guidelines(settings.guidelines_file);
  return campaign;
}

}  // namespace rlhf
