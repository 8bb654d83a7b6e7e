#include "cli/dataset_flags.h"

#include <iostream>

#include <CLI/CLI.hpp>

#include "contract/error.h"
#include "formats/dataset_files.h"
#include "storage/ledger_records.h"

namespace rlhf {
namespace {

void tell(const DatasetReport& report) {
  if (report.skipped == 0) return;
  std::cerr << report.skipped << (report.skipped == 1 ? " bad record was" : " bad records were")
            << " left out:\n";
  for (const std::string& reason : report.reasons) std::cerr << "  " << reason << '\n';
}

void check(const DatasetFlags& flags) {
  if (flags.dataset.empty() == flags.db.empty())
    throw UserError("give the data with --dataset FILE..., or with --db FILE from a ledger");
}

// The training part of either place.
template <typename FileSource, typename LedgerSource, typename Read>
auto read_train(const DatasetFlags& flags, RecordKind kind, Read read) {
  check(flags);
  if (!flags.db.empty()) {
    Database ledger(flags.db, IfAbsent::kRefuse);
    LedgerSource source(ledger, flags.selection(kind, flags.split));
    auto records = read(source);
    if (records.empty())
      throw UserError(flags.db + ": the split '" + flags.split +
                      "' has nothing of this kind; rlhf data stats shows what is there");
    return records;
  }
  FileSource source({flags.dataset, flags.format, flags.skip_bad_lines, flags.columns});
  auto records = read(source);
  tell(source.report());
  return records;
}

template <typename FileSource, typename LedgerSource, typename Read>
auto read_eval(const DatasetFlags& flags, RecordKind kind, Read read) {
  if (!flags.eval_dataset.empty()) {
    FileSource source({flags.eval_dataset, flags.format, flags.skip_bad_lines, flags.columns});
    auto records = read(source);
    tell(source.report());
    return records;
  }
  using Records = decltype(read(std::declval<FileSource&>()));
  if (flags.db.empty()) return Records{};
  Database ledger(flags.db, IfAbsent::kRefuse);
  LedgerSource source(ledger, flags.selection(kind, flags.eval_split));
  return Records(read(source));
}

const auto kDemonstrations = [](auto& source) { return source.demonstrations(); };
const auto kRankings = [](auto& source) { return source.rankings(); };
const auto kRankingRecords = [](auto& source) { return source.records(); };
const auto kPrompts = [](auto& source) { return source.prompts(); };

}  // namespace

std::vector<Demonstration> DatasetFlags::demonstrations() const {
  return read_train<DemonstrationFiles, LedgerDemonstrations>(*this, RecordKind::kDemonstration,
                                                              kDemonstrations);
}
std::vector<Demonstration> DatasetFlags::eval_demonstrations() const {
  return read_eval<DemonstrationFiles, LedgerDemonstrations>(*this, RecordKind::kDemonstration,
                                                             kDemonstrations);
}
std::vector<Ranking> DatasetFlags::rankings() const {
  return read_train<PreferenceFiles, LedgerPreferences>(*this, RecordKind::kRanking, kRankings);
}
std::vector<Ranking> DatasetFlags::eval_rankings() const {
  return read_eval<PreferenceFiles, LedgerPreferences>(*this, RecordKind::kRanking, kRankings);
}
std::vector<ImportRecord> DatasetFlags::ranking_records() const {
  return read_train<PreferenceFiles, LedgerPreferences>(*this, RecordKind::kRanking, kRankingRecords);
}
std::vector<Prompt> DatasetFlags::prompts() const {
  return read_train<PromptFiles, LedgerPrompts>(*this, RecordKind::kPrompt, kPrompts);
}
std::vector<Prompt> DatasetFlags::eval_prompts() const {
  return read_eval<PromptFiles, LedgerPrompts>(*this, RecordKind::kPrompt, kPrompts);
}

LedgerSelection DatasetFlags::selection(RecordKind kind, const std::string& of_split) const {
  LedgerSelection selected;
  selected.split = of_split;
  if (kind == RecordKind::kRanking) selected.campaign = campaign;
  if (!as_of) return selected;
  if (kind == RecordKind::kRanking)
    selected.through_tick = as_of->tick;
  else
    selected.through_row = kind == RecordKind::kPrompt ? as_of->last_prompt : as_of->last_demonstration;
  return selected;
}

void add_dataset_flags(CLI::App& command, DatasetFlags& flags) {
  command.add_option("--dataset", flags.dataset,
                     "data files, of any format rlhf data import reads; .gz or not");
  command.add_option("--eval_dataset", flags.eval_dataset, "files to evaluate on");
  command.add_option("--format", flags.format,
                     "of the files, as rlhf data import takes it; told from each when not given");
  command.add_option("--columns", flags.columns,
                     "NAME=COLUMN,...: what the files call the fields, as in prompt=question,chosen=better");
  command.add_option("--db", flags.db, "ledger to read from instead");
  command.add_option("--split", flags.split, "of the ledger, to train on: train, valid, test or all")
      ->capture_default_str();
  command.add_option("--eval_split", flags.eval_split, "of the ledger, to evaluate on")
      ->capture_default_str();
  command.add_flag("--skip_bad_lines", flags.skip_bad_lines,
                   "leave bad records out and count them instead of stopping");
}

void add_campaign_flag(CLI::App& command, DatasetFlags& flags) {
  command.add_option("--campaign", flags.campaign, "of the ledger: labels of this annotation campaign only");
}

}  // namespace rlhf
