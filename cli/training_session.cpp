#include "cli/training_session.h"

#include <cmath>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>
#include <torch/utils.h>
#include <torch/version.h>

#include "cli/effective_config.h"
#include "cli/interrupt.h"
#include "contract/error.h"
#include "curves/fanout_sink.h"
#include "curves/metrics_file.h"
#include "curves/tensorboard_events.h"
#include "rpc/model_address.h"
#include "storage/provenance.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

class NoCheckpoints : public CheckpointSaver {
 public:
  void save(int64_t, const std::function<void(const fs::path&)>&) override {
    throw std::logic_error("only the first process saves");
  }
};

// What the progress line shows of a row, as far as the stage has it.
const std::vector<std::string> kShownMetrics = {"loss", "accuracy", "objective/scores", "objective/kl",
                                                "response/length_mean"};

std::map<std::string, std::string> versions() {
  return {{"rlhf", RLHF_VERSION},
          {"torch", TORCH_VERSION},
          {"cpu", at::get_cpu_capability()},
          {"threads", std::to_string(torch::get_num_threads())}};
}

std::vector<std::string> parent_hashes(const SessionPlan& plan) {
  std::vector<std::string> hashes;
  for (const StartModel& parent : plan.parents) hashes.push_back(parent.model.model_hash);
  return hashes;
}

std::vector<ModelParent> parents_by_role(const SessionPlan& plan) {
  std::vector<ModelParent> parents;
  for (const StartModel& parent : plan.parents) parents.push_back({parent.role, parent.model.model_hash});
  return parents;
}

/// UserError when the checkpoint is damaged, or another run's.
void check_is_of(const SessionPlan& plan, const fs::path& checkpoint) {
  const CheckpointManifest manifest = verify(checkpoint);
  const auto require_equal = [&](const auto& there, const auto& here, const std::string& what) {
    if (there != here)
      throw UserError(checkpoint.string() + " is a checkpoint of another run: " + what +
                      "; give --resume_from_checkpoint one of this run, or none");
  };
  require_equal(manifest.stage, plan.stage,
                "of the stage '" + manifest.stage + "', not '" + plan.stage + "'");
  require_equal(manifest.parents, parent_hashes(plan), "it began with other models");
  require_equal(manifest.tokenizer_hash, plan.tokenizer_hash, "it has another tokenizer");
}

}  // namespace

void add_run_flags(CLI::App& command, RunFlags& flags) {
  command.add_option("--output_dir", flags.output_dir, "folder of the run: metrics, checkpoints, final/")
      ->required();
  command
      .add_option("--resume_from_checkpoint", flags.resume_from_checkpoint,
                  "auto (go on when there is something to go on from), none, or a checkpoint folder")
      ->capture_default_str();
  command.add_option("--publish", flags.publish, "also send the final model to grpc://HOST:PORT/NAME");
  command.add_option(
      "--ledger", flags.ledger,
      "ledger to record the run in as well: its data, models, metrics; --db when not given; none = nowhere");
}

nlohmann::ordered_json run_configuration(const CLI::App& command) {
  static const std::set<std::string> kLeftOut = {"output_dir",
                                                 "resume_from_checkpoint",
                                                 "publish",
                                                 "save_steps",
                                                 "save_total_limit",
                                                 "model",
                                                 "reward_model",
                                                 "gold_reward_model",
                                                 "reference_model",
                                                 "critic_model",
                                                 "tokenizer",
                                                 "model_config",
                                                 "policy",
                                                 "normalizer_prompts",
                                                 "dataset",
                                                 "eval_dataset",
                                                 "db",
                                                 "listen",
                                                 "ledger",
                                                 "local_rollouts",
                                                 "lease_seconds",
                                                 "per_device_eval_batch_size",
                                                 "memory_limit",
                                                 "gradient_checkpointing"};
  return effective_config(command, kLeftOut);
}

TrainingSession::TrainingSession(const RunFlags& flags, const SessionPlan& plan, Collective& collective)
    : flags_(flags), plan_(plan), collective_(collective) {
  if (flags_.resume_from_checkpoint == "true")
    flags_.resume_from_checkpoint = "auto";                      // as transformers has it
  plan_.configuration["world_size"] = collective_.world_size();  // another one sums and batches in other ways
  plan_.configuration["hash_of"] = plan_.other_hashes;
  plan_.configuration["hash_of"]["tokenizer"] = plan_.tokenizer_hash;
  if (!flags_.publish.empty()) parse_publish_address(flags_.publish);  // now, not when the run is over
  std::vector<double> decision(2, 0.0);                                // finished, step to resume from + 1
  if (collective_.is_first()) {
    folder_ = std::make_unique<RunFolder>(
        flags_.output_dir,
        RunIdentity{plan_.stage, plan_.configuration.dump(), parent_hashes(plan_), plan_.data_hash},
        flags_.resume_from_checkpoint);
    finished_ = folder_->finished();
    resume_from_ = folder_->resume_from();
    if (resume_from_ && !finished_) check_is_of(plan_, *resume_from_);
    decision[0] = finished_ ? 1 : 0;
    decision[1] = resume_from_ ? static_cast<double>(TrainerState::load(*resume_from_).global_step + 1) : 0;
  }
  collective_.all_reduce_sum(decision);
  finished_ = decision[0] > 0;
  if (!collective_.is_first() && decision[1] > 0) {
    const bool named = flags_.resume_from_checkpoint != "auto";
    const auto step = static_cast<int64_t>(std::llround(decision[1])) - 1;
    resume_from_ = named ? fs::path(flags_.resume_from_checkpoint)
                         : fs::path(flags_.output_dir) / ("checkpoint-" + std::to_string(step));
  }
  if (finished_ && collective_.is_first())
    std::cerr << "This run is complete: " << (fs::path(flags_.output_dir) / "final").string()
              << " is its model. Nothing to do.\n";
}

TrainingSession::~TrainingSession() = default;

TrainerState TrainingSession::start() {
  TrainerState state;
  if (resume_from_) {
    state = TrainerState::load(*resume_from_);
    first_step_ = state.global_step;
    if (collective_.is_first()) std::cerr << "Going on from " << resume_from_->string() << ".\n";
  }
  if (!collective_.is_first()) {
    metrics_ = std::make_unique<FanoutSink>(std::vector<std::unique_ptr<MetricSink>>{});
    no_checkpoints_ = std::make_unique<NoCheckpoints>();
    return state;
  }
  std::optional<Database> ledger;
  if (flags_.has_ledger()) ledger.emplace(flags_.ledger);
  folder_->begin(versions(), plan_.data);
  // A run that starts anew drops what a killed try logged before its first checkpoint.
  const int64_t last_kept = resume_from_ ? state.global_step : -1;
  checkpoints_ = std::make_unique<CheckpointDirectory>(
      flags_.output_dir,
      CheckpointIdentity{plan_.stage, plan_.tokenizer_hash, parent_hashes(plan_), provenance()},
      static_cast<int>(plan_.save_total_limit));
  checkpoints_->truncate_after(last_kept);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<MetricsFile>(flags_.output_dir));
  sinks.push_back(std::make_unique<TensorBoardEvents>(flags_.output_dir));
  auto& events = static_cast<TensorBoardEvents&>(*sinks.back());
  if (ledger) {
    ledger_ = std::make_unique<RunLedger>(std::move(*ledger), run_record(), last_kept);
    for (const StartModel& parent : plan_.parents) ledger_->record(parent.model);
    for (const RunData& part : plan_.data) ledger_->record(part);
    sinks.push_back(ledger_->make_metric_sink());
  }
  metrics_ = std::make_unique<FanoutSink>(std::move(sinks));
  metrics_->truncate_after(last_kept);
  if (!resume_from_) events.log_text(0, "args", verbatim_markdown(plan_.configuration.dump(2)));
  return state;
}

RunRecord TrainingSession::run_record() const {
  return {
      folder_->run_id(),          plan_.stage, fs::absolute(flags_.output_dir).lexically_normal().string(),
      plan_.configuration.dump(), versions(),  plan_.data_hash,
      parents_by_role(plan_)};
}

std::string TrainingSession::provenance() const {
  ModelProvenance made{plan_.stage, folder_->run_id(), {}, {}, plan_.data};
  if (flags_.has_ledger()) made.ledger = fs::absolute(flags_.ledger).lexically_normal().string();
  for (const StartModel& parent : plan_.parents)
    made.models.push_back({parent.role, parent.model.model_hash, parent.model.path});
  return provenance_to_json(made);
}

std::string TrainingSession::read_config() const {
  std::ifstream file(checkpoints_->final_path() / "config.json", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

MetricSink& TrainingSession::metrics() {
  return *metrics_;
}

TrainingSurroundings TrainingSession::surroundings() {
  catch_interrupts();
  CheckpointSaver& saver = checkpoints_ ? static_cast<CheckpointSaver&>(*checkpoints_) : *no_checkpoints_;
  return {saver, *metrics_, collective_,
          [this](int64_t step, int64_t total, const Metrics& row) {
            if (!progress_)
              progress_ = std::make_unique<ProgressBar>(
                  ProgressOptions{plan_.stage, total, first_step_, kShownMetrics});
            progress_->update(step, row);
          },
          interrupt_requested};
}

void TrainingSession::finish(const TrainerState& state,
                             const std::function<void(const fs::path&)>& write_model) {
  progress_.reset();
  if (collective_.is_first()) {
    checkpoints_->save_final(state.global_step, write_model);
    metrics_->flush();
    if (!flags_.publish.empty()) {
      const ModelAddress where =
          publish_model(flags_.publish, read_checkpoint_bytes(checkpoints_->final_path()));
      std::cerr << "Published as " << where.text() << "\n";
    }
    const CheckpointManifest manifest = read_manifest(checkpoints_->final_path());
    if (ledger_)
      ledger_->finish({manifest.model_hash, fs::path(flags_.output_dir).filename().string(), plan_.stage,
                       plan_.tokenizer_hash, read_config(),
                       fs::absolute(checkpoints_->final_path()).lexically_normal().string(),
                       parents_by_role(plan_)});
    folder_->mark_finished(state.global_step, manifest.model_hash);
    std::cerr << "Done after " << state.global_step
              << " steps. Model: " << checkpoints_->final_path().string() << "\nCurves: rlhf curves "
              << flags_.output_dir << "\n";
  }
  collective_.barrier();
}

}  // namespace rlhf
