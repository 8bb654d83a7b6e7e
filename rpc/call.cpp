#include "rpc/call.h"

#include <string>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "rpc/error.h"
#include "rpc/protocol.h"

namespace rlhf {
namespace {

constexpr char kVersionKey[] = "rlhf-protocol-version";
constexpr int kPingEveryMs = 10'000;
constexpr int kPingTimeoutMs = 10'000;

}  // namespace

std::shared_ptr<grpc::Channel> dial(const Address& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestMessage);
  arguments.SetMaxSendMessageSize(kLargestMessage);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);  // how long one attempt may take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // a proxy has no way to this machine's loopback
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
                   1);  // a connection per client, as many as are asked for
  return grpc::CreateCustomChannel(server.text(), grpc::InsecureChannelCredentials(), arguments);
}

void prepare(grpc::ClientContext& context, std::chrono::milliseconds deadline) {
  context.AddMetadata(kVersionKey, std::to_string(kProtocolVersion));
  context.set_deadline(std::chrono::system_clock::now() + deadline);
}

void require_same_protocol(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find(kVersionKey);
  const std::string theirs =
      found == metadata.end() ? "none" : std::string(found->second.data(), found->second.size());
  const std::string ours = std::to_string(kProtocolVersion);
  if (theirs == ours) return;
  throw Refused("the server speaks protocol version " + ours + ", the caller " +
                (found == metadata.end() ? "names none (metadata " + std::string(kVersionKey) + ")"
                                         : theirs.substr(0, 16)) +
                "; both ends must be of the same release");
}

}  // namespace rlhf
