#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/dataset_flags.h"
#include "cli/training_session.h"
#include "storage/run_data.h"
#include "train/collective.h"

namespace rlhf {

/// The data of one training run, read as it stands when the run begins. A run that is gone on with reads its
/// ledger as it stood then, whatever was labelled since. Remembers what was read, for the record.
class TrainingData {
 public:
  /// With several processes the first one says how the ledger stands. UserError as for DatasetFlags.
  TrainingData(const DatasetFlags& flags, const RunFlags& run, Collective& collective);

  std::vector<Demonstration> demonstrations();
  std::vector<Demonstration> eval_demonstrations();
  std::vector<Ranking> rankings();
  std::vector<Ranking> eval_rankings();
  std::vector<Prompt> prompts();
  std::vector<Prompt> eval_prompts();

  /// What was read so far.
  const std::vector<RunData>& parts() const { return parts_; }

 private:
  template <class Record>
  std::vector<Record> note(const std::string& role, RecordKind kind, std::vector<Record> records);

  DatasetFlags flags_;
  std::vector<RunData> parts_;
};

}  // namespace rlhf
