#pragma once
#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "ppo/collect.h"
#include "ppo/iteration_metrics.h"
#include "ppo/kl_controller.h"
#include "ppo/networks.h"
#include "ppo/options.h"
#include "train/optimizer_step.h"
#include "train/sample_order.h"
#include "train/training_loop.h"

namespace rlhf {

/// The policy as rollout workers know it.
struct PublishedPolicy {
  int64_t version = 0;
  std::string hash;  ///< empty when nobody fetches it
};

/// What surrounds the trainer, made by its command.
struct PpoSurroundings {
  RolloutSource& rollouts;
  RolloutPlace place = RolloutPlace::kEveryProcess;
  RolloutSource& evaluation_rollouts;  ///< in-process, on every process
  Collective& collective;
  /// Makes the current policy available for the rollouts of `iteration`; called on the first process, before
  /// they are asked for. Empty: rollouts are in-process.
  std::function<PublishedPolicy(int64_t iteration)> publish;
  /// Every iteration's, on the first process; may be null. Appended to from another thread during an update.
  TrajectorySink* trajectories = nullptr;
  RewardScorer* gold = nullptr;  ///< a second reward model that training never sees; may be null
  DecodeTokens decode;           ///< for records, samples and metrics of words
};

/// PPO against a frozen reference: trains policy and critic. Every process of a data-parallel run makes the
/// same calls.
class PpoTrainer {
 public:
  /// Borrows networks and surroundings. UserError for options that make no sense or no prompts.
  /// `eval_prompts` may be empty.
  PpoTrainer(const PpoNetworks& networks, std::vector<TokenizedPrompt> prompts,
             std::vector<TokenizedPrompt> eval_prompts, const PpoOptions& options,
             const PpoSurroundings& surroundings);

  int64_t total_steps() const;

  /// Runs what is left of the run. `save_policy` writes the policy's own files into a checkpoint; critic,
  /// optimizers and controller are added.
  void train(TrainerState& state, const TrainingSurroundings& surroundings,
             const std::function<void(const std::filesystem::path&)>& save_policy);
  /// Critic, optimizers and controller of a checkpoint; the policy's weights are the caller's.
  void resume(const std::filesystem::path& checkpoint, const TrainerState& state);

  /// One iteration, counted from 0: rollouts, experience, rewards, advantages, updates.
  StepReport step(int64_t iteration);
  /// Samples the evaluation prompts with the same draws every time and scores them.
  Metrics evaluate(int64_t steps_done);

  double beta() const { return controller_.beta(); }

 private:
  PublishedPolicy publish(int64_t iteration);
  Rollouts collect(int64_t iteration, const PublishedPolicy& policy);
  PpoOptimizers optimizers(int64_t iteration);
  RolloutUnit common_unit() const;
  Metrics gold_scores(const TrajectoryView& trajectories) const;
  /// Writes to the sink from a thread of its own; not valid where there is nothing to write.
  std::future<void> record_trajectories(int64_t step, const TrajectoryView& trajectories,
                                        const Experience& experience, const TokenRewards& rewards,
                                        const Advantages& advantages) const;
  void log_samples(int64_t step, const TrajectoryView& trajectories) const;
  void save(const std::filesystem::path& folder) const;
  nlohmann::ordered_json stage_state() const;

  const PpoNetworks networks_;
  std::vector<TokenizedPrompt> prompts_, eval_prompts_;
  PpoOptions options_;
  const PpoSurroundings around_;
  SampleOrder order_;
  OptimizerStep policy_optimizer_, critic_optimizer_;
  KlController controller_;
  std::map<int64_t, std::string> published_;  // hashes of the versions that may still come back
  MetricSink* samples_ = nullptr;             // where train() shows samples
  int64_t episodes_ = 0, num_tokens_ = 0, refused_ = 0;
};

}  // namespace rlhf
