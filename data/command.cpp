#include "data/command.h"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "data/export.h"
#include "data/import.h"
#include "data/quality_command.h"
#include "data/stats.h"
#include "formats/format.h"
#include "formats/record_reader.h"
#include "storage/ledger_check.h"

namespace rlhf {

namespace {

std::string format_help(bool written) {
  std::string text;
  for (const Format& format : formats()) {
    if (written && !format.write) continue;
    text += "\n  " + std::string(format.name) + ": " + std::string(format.summary);
  }
  return text;
}

void run_import(const DataImportOptions& options) {
  const DataImportResult result = import_data(options);
  nlohmann::ordered_json line = {{"format", result.format},
                                 {"imported", result.imported},
                                 {"already_present", result.already_present},
                                 {"rejected", result.rejected}};
  if (options.dry_run) line["dry_run"] = true;
  std::cout << line.dump() << std::endl;
  for (const std::string& reason : result.first_reasons) std::cerr << "rejected: " << reason << '\n';
  const auto shown = static_cast<int64_t>(result.first_reasons.size());
  if (result.rejected > shown) {
    std::cerr << "and " << result.rejected - shown << " more"
              << (options.rejected.empty() ? "; --rejected FILE keeps them all" : "") << '\n';
  }
  for (const std::string& file : result.empty_files) std::cerr << file << ": holds no record\n";
  if (!result.any_good()) throw UserError("no record could be imported");
}

void add_import(CLI::App& data) {
  auto options = std::make_shared<DataImportOptions>();
  options->tool_version = RLHF_VERSION;
  CLI::App* command = data.add_subcommand("import", "Read data files into the ledger");
  command->add_option("--db", options->db, "The ledger, one SQLite file; made when absent")->required();
  command
      ->add_option("files", options->files, "JSON lines, JSON, CSV or text, .gz or not; - is standard input")
      ->required()
      ->take_all();
  command->add_option("--format", options->format,
                      "Format of the files; told from each when not given." + format_help(false) +
                          "\n  text, csv, tsv: where the name of the file does not say so");
  command->add_option("--columns", options->columns,
                      "NAME=COLUMN,...: what the files call the fields, as in prompt=question,chosen=better");
  command->add_option("--rejected", options->rejected,
                      "Write rejected records with their reasons to this file");
  command->add_flag("--dry_run", options->dry_run, "Say what would happen and change nothing");
  command->callback([options] { run_import(*options); });
}

void run_export(const DataExportOptions& options) {
  const DataExportResult result = export_data(options);
  nlohmann::ordered_json line = {
      {"format", options.format}, {"records", result.records}, {"lines", result.lines}};
  line["left_out"] = result.left_out;
  // Standard output belongs to the records when they go there.
  (options.output == "-" ? std::cerr : std::cout) << line.dump() << std::endl;
}

void add_export(CLI::App& data) {
  auto options = std::make_shared<DataExportOptions>();
  CLI::App* command = data.add_subcommand("export", "Write what the ledger holds as JSON lines");
  command->add_option("--db", options->db, "The ledger")->required();
  command->add_option("--format", options->format, "Format to write." + format_help(true))->required();
  command->add_option("--split", options->split, "train, valid, test or all")->capture_default_str();
  command->add_option("--campaign", options->campaign, "Labels of this annotation campaign only");
  command->add_option("--source", options->source, "Records of this data set only");
  command
      ->add_option(
          "--output", options->output,
          "File: .csv and .tsv are tables, others JSON lines; compressed when it ends in .gz; - is standard "
          "output")
      ->capture_default_str();
  command->callback([options] { run_export(*options); });
}

void add_stats(CLI::App& data) {
  auto db = std::make_shared<std::string>();
  CLI::App* command = data.add_subcommand("stats", "Count what the ledger holds");
  command->add_option("--db", *db, "The ledger")->required();
  command->callback([db] {
    Database database(*db, IfAbsent::kRefuse);
    const LedgerStatistics statistics = ledger_statistics(database);
    std::cout << statistics_json(statistics) << std::endl;
    std::cerr << statistics_table(statistics);
  });
}

void run_verify(const std::string& db) {
  Database database(db, IfAbsent::kRefuse);
  const LedgerCheck check = verify_ledger(database);
  const nlohmann::ordered_json line = {{"prompts", check.prompts},
                                       {"responses", check.responses},
                                       {"demonstrations", check.demonstrations},
                                       {"annotations", check.annotations},
                                       {"trajectories", check.trajectories},
                                       {"problems", check.problems}};
  std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  if (!check.problems.empty())
    throw UserError(db + " does not pass: " + check.problems.front() +
                    ". Restore a backup (rlhf data backup).");
}

void add_verify(CLI::App& data) {
  auto db = std::make_shared<std::string>();
  CLI::App* command =
      data.add_subcommand("verify", "Check the file, every reference, every hash and every ranking");
  command->add_option("--db", *db, "The ledger")->required();
  command->callback([db] { run_verify(*db); });
}

void add_backup(CLI::App& data) {
  struct Options {
    std::string db, destination;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = data.add_subcommand("backup", "Copy the ledger as it is now, while others use it");
  command->add_option("--db", options->db, "The ledger")->required();
  command->add_option("destination", options->destination, "A file that does not exist yet")->required();
  command->callback([options] {
    Database database(options->db, IfAbsent::kRefuse);
    backup_ledger(database, options->destination);
    std::cout << nlohmann::ordered_json{{"backup", options->destination}}.dump() << std::endl;
  });
}

}  // namespace

CLI::App& add_data_command(CLI::App& app) {
  CLI::App* data =
      app.add_subcommand("data", "The ledger of prompts, responses, demonstrations and rankings");
  data->require_subcommand(1);
  add_import(*data);
  add_export(*data);
  add_stats(*data);
  add_quality_commands(*data);
  add_verify(*data);
  add_backup(*data);
  return *data;
}

}  // namespace rlhf
