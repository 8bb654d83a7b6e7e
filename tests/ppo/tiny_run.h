#pragma once
#include <memory>
#include <vector>

#include "ppo/trainer.h"
#include "rollout/unit_runner.h"

namespace rlhf::test {

/// Scores a response by the share of its tokens that are `wanted`.
class TokenShareScorer : public RewardScorer {
 public:
  explicit TokenShareScorer(TokenId wanted) : wanted_(wanted) {}
  std::vector<Score> score(const std::vector<ScoreInput>& inputs) override;

 private:
  TokenId wanted_;
};

/// Keeps what was appended.
class MemoryTrajectorySink : public TrajectorySink {
 public:
  void append(int64_t step, const std::vector<TrajectoryRecord>& records) override;
  void truncate_after(int64_t step) override;
  std::vector<std::pair<int64_t, TrajectoryRecord>> kept;
  bool disk_is_full = false;  ///< then append() throws WorldError
};

/// A PPO run of a one-layer model over 12 token ids, small enough for a test: four prompts, eight responses
/// an iteration. Two runs with the same options have the same bits.
class TinyRun {
 public:
  TinyRun(const PpoOptions& options, torch::ScalarType dtype, Collective& collective);

  static PpoOptions options();

  PpoTrainer& trainer() { return *trainer_; }
  LanguageModel& policy() { return policy_; }
  ScalarModel& critic() { return critic_; }
  MemoryTrajectorySink& records() { return records_; }
  /// Weights of policy and critic, end to end.
  torch::Tensor weights() const;

 private:
  LanguageModel policy_, reference_;
  ScalarModel critic_;
  TokenShareScorer scorer_;
  LivePolicyRunner runner_;
  LocalRolloutSource rollouts_;
  MemoryTrajectorySink records_;
  std::unique_ptr<PpoTrainer> trainer_;
};

double value_of(const Metrics& metrics, const std::string& name);

}  // namespace rlhf::test
