#pragma once
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
  ~Server();  ///< stops

  /// Where it listens, with the port the system picked.
  const Address& address() const;

  /// Takes no more calls, gives those under way a moment, ends them. Idempotent. Finish the broker first, so
  /// that workers leave instead of dialling again.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlhf
