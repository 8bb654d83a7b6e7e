#pragma once
// Internal to rpc/: what Server hosts. Each borrows what it serves.
#include <memory>

#include "contract/checkpoint_store.h"
#include "rpc/protocol.h"
#include "rpc/reward_board.h"
#include "rpc/rollout_broker.h"

namespace grpc {
class Service;
}

namespace rlhf {

std::unique_ptr<grpc::Service> make_checkpoint_service(CheckpointStore& store, TransferLimits limits);
std::unique_ptr<grpc::Service> make_rollout_service(RolloutBroker& broker);
std::unique_ptr<grpc::Service> make_reward_service(RewardBoard& board);

}  // namespace rlhf
