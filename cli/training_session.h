#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "cli/progress_bar.h"
#include "cli/run_ledger.h"
#include "storage/checkpoint_directory.h"
#include "storage/run_folder.h"
#include "train/training_loop.h"

namespace rlhf {

/// --output_dir, --resume_from_checkpoint, --publish.
struct RunFlags {
  std::string output_dir;
  std::string resume_from_checkpoint = "auto";
  std::string publish;  ///< grpc://HOST:PORT/NAME: where final/ is sent as well
  std::string ledger;   ///< where the run is recorded as well; "none" = nowhere; empty: the command's default

  bool has_ledger() const { return !ledger.empty() && ledger != "none"; }
};
void add_run_flags(CLI::App& command, RunFlags& flags);

/// A model that a run starts from.
struct StartModel {
  std::string role;   ///< "initial", "reference", "reward" or "critic"
  ModelRecord model;  ///< model_record() of it
};

/// What identifies a run, beside its folder, and what is recorded of it.
struct SessionPlan {
  std::string stage;
  nlohmann::ordered_json configuration;  ///< run_configuration() of the command
  std::vector<StartModel> parents;
  std::string data_hash;
  /// Of what else decides the model's files and metrics, by its name; "" where there is none.
  std::map<std::string, std::string> other_hashes;
  std::string tokenizer_hash;
  int64_t save_total_limit = 2;
  std::vector<RunData> data;  ///< TrainingData::parts()
};

/// The settings of a command that decide a run's bits: all flags but places, ports, cadence of saving, what
/// changes memory alone, and names of models and data, which parents and data hash identify by content.
nlohmann::ordered_json run_configuration(const CLI::App& command);

/// The output folder, checkpoints, metric files and progress line of one training run, the same for every
/// trainer. With several processes the first one holds the folder; the others follow its decisions.
class TrainingSession {
 public:
  /// Throws as RunFolder does, before anything is written.
  TrainingSession(const RunFlags& flags, const SessionPlan& plan, Collective& collective);
  ~TrainingSession();

  /// True when this very run is complete already: nothing is left to do.
  bool finished() const { return finished_; }
  /// The checkpoint to go on from; its model files are there.
  const std::optional<std::filesystem::path>& resume_from() const { return resume_from_; }

  /// Opens the run: the state of the checkpoint, after dropping metrics and checkpoints past it, or a fresh
  /// one.
  TrainerState start();
  TrainingSurroundings surroundings();
  MetricSink& metrics();
  /// The run's place in its ledger; nullptr without one and on all processes but the first. After start().
  RunLedger* ledger() { return ledger_.get(); }

  /// Writes final/, publishes it when asked to, marks the run finished and prints where it is. `write_model`
  /// writes the model's and the tokenizer's files.
  void finish(const TrainerState& state,
              const std::function<void(const std::filesystem::path&)>& write_model);

 private:
  RunRecord run_record() const;
  std::string provenance() const;   // text of provenance.json
  std::string read_config() const;  // of final/

  RunFlags flags_;
  SessionPlan plan_;
  Collective& collective_;
  std::unique_ptr<RunFolder> folder_;  // first process only, like all that follows
  std::unique_ptr<CheckpointDirectory> checkpoints_;
  std::unique_ptr<CheckpointSaver> no_checkpoints_;
  std::unique_ptr<RunLedger> ledger_;
  std::unique_ptr<MetricSink> metrics_;
  std::unique_ptr<ProgressBar> progress_;
  bool finished_ = false;
  int64_t first_step_ = 0;
  std::optional<std::filesystem::path> resume_from_;
};

}  // namespace rlhf
