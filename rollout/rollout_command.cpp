#include "rollout/rollout_command.h"

#include <atomic>
#include <csignal>
#include <iostream>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>

#include "cli/compute_flags.h"
#include "cli/model_reference.h"
#include "cli/reward_models.h"
#include "contract/error.h"
#include "rollout/unit_runner.h"
#include "rpc/worker.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

std::atomic<bool> stop_after_unit{false};

struct RolloutFlags {
  std::string learner, name;
  int64_t redial_seconds = 60;
  ComputeFlags compute;
};

/// A runner with a scorer of its own.
class WorkerRunner : public UnitRunner {
 public:
  WorkerRunner(std::shared_ptr<RewardScorer> scorer, LanguageModel policy, std::vector<TokenId> eos_token_ids)
      : scorer_(std::move(scorer)), runner_(std::move(policy), std::move(eos_token_ids), *scorer_) {}
  std::vector<Trajectory> run(const RolloutUnit& unit) override { return runner_.run(unit); }

 private:
  std::shared_ptr<RewardScorer> scorer_;
  ModelUnitRunner runner_;
};

/// Builds runners; the reward models are loaded once as long as the learner names the same.
class RunnerMaker {
 public:
  explicit RunnerMaker(const ComputeFlags& compute) : compute_(compute) {}

  std::unique_ptr<UnitRunner> operator()(const RunnerModels& models, const RolloutUnit& unit) {
    if (models.reward_models.empty()) throw WorldError("the learner's unit names no reward model");
    const torch::Device device = compute_.torch_device();
    const torch::ScalarType dtype = parse_dtype(unit.dtype, device, "the learner's dtype");
    if (!scorer_ || reward_models_ != models.reward_models || scorer_dtype_ != dtype) {
      std::vector<ModelFiles> members;
      for (const auto& bytes : models.reward_models) members.push_back(ModelFiles::in_memory(*bytes));
      scorer_ = load_reward_models(members, dtype, device, "the learner's reward model");
      reward_models_ = models.reward_models;
      scorer_dtype_ = dtype;
    }
    const ModelFiles policy = ModelFiles::in_memory(*models.policy);
    return std::make_unique<WorkerRunner>(scorer_, load_language_model(policy, dtype, device, false),
                                          load_tokenizer(policy).eos_ids());
  }

 private:
  ComputeFlags compute_;
  std::vector<std::shared_ptr<const CheckpointBytes>> reward_models_;
  std::shared_ptr<RewardScorer> scorer_;
  torch::ScalarType scorer_dtype_ = torch::kFloat32;
};

void run_rollout(const RolloutFlags& flags) {
  std::signal(SIGINT, [](int) { stop_after_unit = true; });
  std::signal(SIGTERM, [](int) { stop_after_unit = true; });
  WorkerOptions options;
  options.learner = parse_server_address(flags.learner, "--learner");
  options.name = flags.name;
  options.instruction_set = at::get_cpu_capability();
  options.redial = std::chrono::seconds(flags.redial_seconds);
  options.stop = &stop_after_unit;
  auto make_runner = std::make_shared<RunnerMaker>(flags.compute);
  const WorkerSummary summary =
      run_worker(options, [make_runner](const RunnerModels& models, const RolloutUnit& unit) {
        return (*make_runner)(models, unit);
      });
  std::cerr << "Computed " << summary.units << " units"
            << (summary.finished ? "; the run is done.\n" : "; stopped.\n");
  if (!summary.finished) throw Interrupted("stopped; the learner gives its units to others");
}

}  // namespace

void add_rollout_command(CLI::App& app) {
  auto flags = std::make_shared<RolloutFlags>();
  CLI::App* command = app.add_subcommand("rollout", "a worker that samples and scores for a learner");
  command->add_option("--learner", flags->learner, "grpc://HOST:PORT that rlhf ppo --listen printed")
      ->required();
  command->add_option("--name", flags->name, "shown by the learner; host name and process id when not given");
  command
      ->add_option("--redial_seconds", flags->redial_seconds,
                   "how long to look for a learner that is not there")
      ->capture_default_str();
  command->add_option("--device", flags->compute.device, "cpu, cuda or cuda:N")->capture_default_str();
  command->callback([flags] { run_rollout(*flags); });
}

}  // namespace rlhf
