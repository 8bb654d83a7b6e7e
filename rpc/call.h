#pragma once
// Internal to rpc/: what every call has in common, on both ends.
#include <chrono>
#include <exception>
#include <memory>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "rpc/address.h"
#include "rpc/status.h"

namespace rlhf {

/// A connection that dials when first used, again when it broke, and notices a dead peer by keep-alive pings.
std::shared_ptr<grpc::Channel> dial(const Address& server);

/// Adds this protocol's version and the deadline to a call.
void prepare(grpc::ClientContext& context, std::chrono::milliseconds deadline);

/// Throws Refused, naming both versions, when the caller speaks another protocol version.
void require_same_protocol(const grpc::ServerContext& context);

/// The body of every service method: checks the caller's protocol version, runs `work`, turns what it throws
/// into a status.
template <typename Work>
grpc::Status serve(const grpc::ServerContext& context, Work&& work) {
  try {
    require_same_protocol(context);
    work();
    return grpc::Status::OK;
  } catch (...) {
    return to_status(std::current_exception());
  }
}

}  // namespace rlhf
