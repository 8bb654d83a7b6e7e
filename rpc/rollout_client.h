#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "contract/trajectory.h"
#include "rpc/address.h"
#include "rpc/protocol.h"
#include "rpc/rollout_broker.h"

namespace rlhf {

/// The broker of a learner far away: one call, one answer. Throws Unreachable when nobody answers in time,
/// SessionLost when the learner was restarted, and what the broker throws. Safe from any thread once joined.
class RolloutClient {
 public:
  explicit RolloutClient(const Address& learner, Deadlines deadlines = {});
  ~RolloutClient();

  /// Sets the membership that the other calls use. May be called again.
  RolloutBroker::Joined join(const std::string& worker_name, const std::string& instruction_set);
  /// A lease whose unit is malformed is a WorldError.
  RolloutBroker::LeaseAnswer lease(std::chrono::milliseconds wait);
  RolloutBroker::RenewAnswer renew(uint64_t lease_id);
  /// A result the learner finds malformed is a WorldError.
  RolloutBroker::Verdict submit(const RolloutBroker::Lease& lease, const std::vector<Trajectory>& samples);
  void give_up(uint64_t lease_id, const std::string& reason);
  /// Dials until the learner answers, at most so long. Between calls nobody else looks at the connection.
  void dial_again(std::chrono::milliseconds at_most);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlhf
