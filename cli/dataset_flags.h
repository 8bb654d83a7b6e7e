#pragma once
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>

#include "contract/demonstration.h"
#include "contract/prompt.h"
#include "contract/ranking.h"
#include "contract/record.h"
#include "storage/ledger_records.h"

namespace rlhf {

/// --dataset FILE... or --db FILE with --split; --skip_bad_lines, --format, --columns.
struct DatasetFlags {
  std::vector<std::string> dataset;       ///< files to train on
  std::vector<std::string> eval_dataset;  ///< files to evaluate on
  std::string db;                         ///< ledger to train and evaluate on instead
  std::string split = "train";
  std::string eval_split = "valid";
  std::string campaign;  ///< of the ledger's labels, this annotation campaign's only
  bool skip_bad_lines = false;
  std::string format;                   ///< of the files; empty: told from each
  std::string columns;                  ///< NAME=COLUMN,...: what they call the fields
  std::optional<LedgerPosition> as_of;  ///< no flag: read the ledger as it stood there

  // Training data, then evaluation data (empty when none is named). UserError when neither or both of
  // --dataset and
  // --db are given. What was left out is told on stderr.
  std::vector<Demonstration> demonstrations() const;
  std::vector<Demonstration> eval_demonstrations() const;
  std::vector<Ranking> rankings() const;
  std::vector<Ranking> eval_rankings() const;
  /// rankings() with what is known of them.
  std::vector<ImportRecord> ranking_records() const;
  std::vector<Prompt> prompts() const;
  std::vector<Prompt> eval_prompts() const;

  /// What is read of the ledger for records of `kind`.
  LedgerSelection selection(RecordKind kind, const std::string& of_split) const;
};

void add_dataset_flags(CLI::App& command, DatasetFlags& flags);

/// --campaign, for commands that read rankings.
void add_campaign_flag(CLI::App& command, DatasetFlags& flags);

}  // namespace rlhf
