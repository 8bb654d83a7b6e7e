#pragma once
#include <string>

#include <CLI/App.hpp>

#include "storage/annotation_store.h"

namespace rlhf {

/// --campaign, --k, --overlap, --guidelines, --show_models: a campaign to be worked on, and what it is to be
/// when it is new.
struct CampaignSettings {
  Campaign campaign;
  std::string guidelines_file;
  bool show_models = false;
};

void add_campaign_settings(CLI::App& command, CampaignSettings& settings);

/// The campaign that is there, whose own settings hold, or the one to be made, with id 0. UserError for
/// settings that cannot be.
Campaign wanted_campaign(AnnotationStore& store, const CampaignSettings& settings);

}  // namespace rlhf
