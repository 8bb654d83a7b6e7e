#include "data/quality_command.h"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "data/gold.h"
#include "data/quality.h"

namespace rlhf {

namespace {

void add_quality(CLI::App& data) {
  struct Flags {
    std::string db;
    QualityOptions quality;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* command = data.add_subcommand(
      "quality",
      "Agreement, position bias, pace, checks, and what people disagree about (docs/label_quality.md)");
  command->add_option("--db", flags->db, "The ledger")->required();
  command->add_option("--campaign", flags->quality.campaign,
                      "Labels of this annotation campaign only; all, imported ones too, when not given");
  command->add_option("--source", flags->quality.source, "Labels about prompts of this data set only");
  command->add_option("--annotator", flags->quality.annotator, "Figures of this annotator alone");
  command
      ->add_option("--disagreements", flags->quality.disagreements,
                   "How many to show of what people disagree about most")
      ->capture_default_str();
  command->callback([flags] {
    Database database(flags->db, IfAbsent::kRefuse);
    const LabelQuality quality = label_quality(database, flags->quality);
    std::cout << quality_json(quality, flags->quality) << std::endl;
    std::cerr << quality_text(quality, flags->quality);
  });
}

void add_gold(CLI::App& data) {
  auto options = std::make_shared<GoldOptions>();
  CLI::App* command = data.add_subcommand(
      "gold", "Make tasks of a campaign checks: their answer is known, and everybody is given them");
  command->add_option("--db", options->db, "The ledger")->required();
  command->add_option("--campaign", options->campaign, "Whose tasks")->required();
  command->add_option("--annotator", options->annotator,
                      "What this annotator answered in the campaign is the known answer");
  command
      ->add_option("files", options->files,
                   "Rankings in any format: known answers to the tasks about the same prompt and responses")
      ->take_all();
  command->callback([options] {
    const GoldCounts counts = make_gold(*options);
    std::cout << nlohmann::ordered_json{{"campaign", options->campaign},
                                        {"gold_tasks", counts.tasks},
                                        {"no_task", counts.no_task}}
                     .dump()
              << std::endl;
  });
}

}  // namespace

void add_quality_commands(CLI::App& data) {
  add_quality(data);
  add_gold(data);
}

}  // namespace rlhf
