#pragma once
#include <memory>
#include <vector>

#include "model/model_folder.h"
#include "ppo/command_flags.h"
#include "ppo/trainer.h"
#include "rollout/unit_runner.h"

namespace rlhf {

/// The learner's side of remote rollouts: a server that hands out units, policy versions and the reward
/// models, and the source that the trainer collects from. Prints {"listening": "HOST:PORT"} on stdout once it
/// serves.
class ServedRollouts : public RolloutSource {
 public:
  /// `vocab_size`: of the policy. `local`, when given, computes units in this process too. WorldError when
  /// the port is in use.
  ServedRollouts(const PpoFlags& flags, int64_t vocab_size, const std::vector<ModelFiles>& reward_models,
                 LivePolicyRunner* local);
  ~ServedRollouts() override;

  PublishedPolicy publish(int64_t iteration, const LanguageModel& policy, const Tokenizer& tokenizer);
  std::vector<Trajectory> collect(const std::vector<RolloutUnit>& units) override;
  /// Sends the workers home and tells what each did.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rlhf
