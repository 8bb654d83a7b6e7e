#pragma once
#include <chrono>
#include <memory>

#include "contract/checkpoint_store.h"
#include "rpc/address.h"
#include "rpc/protocol.h"
#include "rpc/reward_board.h"
#include "rpc/rollout_broker.h"

namespace rlhf {

/// What a server offers; nullptr leaves a service out. All must outlive the server.
struct Services {
  CheckpointStore* checkpoints = nullptr;
  RolloutBroker* rollouts = nullptr;
  RewardBoard* rewards = nullptr;
};

/// A gRPC server in threads of its own, from construction to stop(). Health (grpc.health.v1) and reflection
/// are on.
class Server {
 public:
  /// Throws WorldError when the port is in use.
  Server(const Address& listen, const Services& services, TransferLimits limits = {});
  ~Server();  ///< stop()

  /// Where it listens, with the port the system picked.
  const Address& address() const;

  /// Takes no more calls, lets those under way go on until `grace` is over, ends them. Idempotent. Finish the
  /// broker first, so that workers leave instead of dialling again.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(2));

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlhf
