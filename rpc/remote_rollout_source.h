#pragma once
#include "contract/sources.h"
#include "rpc/rollout_broker.h"

namespace rlhf {

/// Rollouts by whoever works for the broker: remote workers and, with `local`, this process too. Borrows
/// both.
class RemoteRolloutSource : public RolloutSource {
 public:
  explicit RemoteRolloutSource(RolloutBroker& broker, UnitRunner* local = nullptr)
      : broker_(broker), local_(local) {}

  std::vector<Trajectory> collect(const std::vector<RolloutUnit>& units) override {
    return broker_.collect(units, local_);
  }

 private:
  RolloutBroker& broker_;
  UnitRunner* local_;
};

}  // namespace rlhf
