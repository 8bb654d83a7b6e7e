#include "cli/training_session.h"

#include <cmath>
#include <fstream>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/effective_config.h"
#include "cli/interrupt.h"
#include "contract/error.h"
#include "curves/fanout_sink.h"
#include "curves/metrics_file.h"
#include "curves/tensorboard_events.h"
#include "rpc/model_address.h"

namespace rlhf {
namespace {

namespace fs = std::filesystem;

class NoCheckpoints : public CheckpointSaver {
 public:
  void save(int64_t, const std::function<void(const fs::path&)>&) override {
    throw std::logic_error("only the first process saves");
  }
};

void write_files(const std::map<std::string, std::string>& files, const fs::path& folder) {
  for (const auto& [name, bytes] : files) {
    std::ofstream file(folder / name, std::ios::binary);
    file << bytes;
    file.close();
    if (!file) throw WorldError("writing " + (folder / name).string() + " failed: is the disk full?");
  }
}

// What the progress line shows of a row, as far as the stage has it.
const std::vector<std::string> kShownMetrics = {"loss", "accuracy", "objective/scores", "objective/kl",
                                                "response/length_mean"};

std::map<std::string, std::string> versions() {
  return {{"rlhf", RLHF_VERSION},
          {"torch", TORCH_VERSION},
          {"cpu", at::get_cpu_capability()},
          {"threads", std::to_string(torch::get_num_threads())}};
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
}

nlohmann::ordered_json run_configuration(const CLI::App& command) {
  static const std::set<std::string> kLeftOut = {"output_dir",       "resume_from_checkpoint",
                                                 "publish",          "save_steps",
                                                 "save_total_limit", "model",
                                                 "reward_model",     "gold_reward_model",
                                                 "reference_model",  "critic_model",
                                                 "tokenizer",        "model_config",
                                                 "policy",           "dataset",
                                                 "eval_dataset",     "db",
                                                 "listen",           "local_rollouts",
                                                 "lease_seconds",    "per_device_eval_batch_size"};
  return effective_config(command, kLeftOut);
}

TrainingSession::TrainingSession(const RunFlags& flags, const SessionPlan& plan, Collective& collective)
    : flags_(flags), plan_(plan), collective_(collective) {
  std::vector<double> decision(2, 0.0);  // finished, step to resume from + 1
  if (collective_.is_first()) {
    folder_ = std::make_unique<RunFolder>(
        flags_.output_dir,
        RunIdentity{plan_.stage, plan_.configuration.dump(), plan_.parents, plan_.data_hash},
        flags_.resume_from_checkpoint);
    finished_ = folder_->finished();
    resume_from_ = folder_->resume_from();
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

void TrainingSession::add_sink(std::unique_ptr<MetricSink> sink) {
  sinks_.push_back(std::move(sink));
}

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
  folder_->begin(versions());
  checkpoints_ = std::make_unique<CheckpointDirectory>(
      flags_.output_dir, CheckpointIdentity{plan_.stage, plan_.tokenizer_hash, plan_.parents},
      static_cast<int>(plan_.save_total_limit));
  checkpoints_->truncate_after(state.global_step);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  sinks.push_back(std::make_unique<MetricsFile>(flags_.output_dir));
  auto events = std::make_unique<TensorBoardEvents>(flags_.output_dir);
  if (!resume_from_) events->log_text(0, "args", verbatim_markdown(plan_.configuration.dump(2)));
  sinks.push_back(std::move(events));
  for (auto& sink : sinks_) sinks.push_back(std::move(sink));
  metrics_ = std::make_unique<FanoutSink>(std::move(sinks));
  metrics_->truncate_after(state.global_step);
  return state;
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
                             const std::map<std::string, std::string>& tokenizer_files,
                             const std::function<void(const fs::path&)>& write_model) {
  progress_.reset();
  if (collective_.is_first()) {
    checkpoints_->save_final(state.global_step, [&](const fs::path& folder) {
      write_model(folder);
      write_files(tokenizer_files, folder);
    });
    metrics_->flush();
    if (!flags_.publish.empty()) {
      const ModelAddress where =
          publish_model(flags_.publish, read_checkpoint_bytes(checkpoints_->final_path()));
      std::cerr << "Published as " << where.text() << "\n";
    }
    folder_->mark_finished(state.global_step, read_manifest(checkpoints_->final_path()).model_hash);
    std::cerr << "Done after " << state.global_step
              << " steps. Model: " << checkpoints_->final_path().string() << "\nCurves: rlhf curves "
              << flags_.output_dir << "\n";
  }
  collective_.barrier();
}

}  // namespace rlhf
