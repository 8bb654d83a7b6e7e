#pragma once
#include <map>
#include <string>
#include <vector>

#include "contract/checkpoint.h"
#include "contract/sources.h"
#include "rpc/memory_checkpoint_store.h"
#include "rpc/server.h"
#include "rpc/worker.h"

namespace rlhf::test {

/// A checkpoint of these files, its manifest right.
CheckpointBytes make_checkpoint(const std::map<std::string, std::string>& files);

/// A policy whose weights depend on `number`, with a config and a tokenizer that do not.
CheckpointBytes make_policy(int number);
CheckpointBytes make_reward_model();

/// `count` units of two prompts and two samples each, to be sampled with version `version` of `policy`.
std::vector<RolloutUnit> make_units(int count, int64_t iteration, int64_t version,
                                    const CheckpointBytes& policy);

/// Trajectories as a function of the unit's numbers and the weights alone: what a true runner promises.
class FakeRunner : public UnitRunner {
 public:
  explicit FakeRunner(std::string policy_hash, std::string reward_hash = {})
      : policy_hash_(std::move(policy_hash)), reward_hash_(std::move(reward_hash)) {}
  std::vector<Trajectory> run(const RolloutUnit& unit) override;

 private:
  std::string policy_hash_;
  std::string reward_hash_;
};

/// Builds FakeRunners from what was fetched.
MakeRunner fake_runners();

/// What a FakeRunner in this process gives for `units`, in order.
std::vector<Trajectory> expected(const std::vector<RolloutUnit>& units);

/// A learner's server on a free port, with the policy and the reward model of make_*() on it.
struct Learner {
  explicit Learner(BrokerOptions options = {});
  WorkerOptions worker(const std::string& name) const;

  CheckpointBytes policy = make_policy(1);
  MemoryCheckpointStore store;
  RolloutBroker broker;
  Server server;
};

}  // namespace rlhf::test
