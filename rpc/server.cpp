#include "rpc/server.h"

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "contract/error.h"
#include "rpc/services.h"

namespace rlhf {
namespace {

constexpr int kPingEveryMs = 10'000;
constexpr int kPingTimeoutMs = 10'000;

void enable_plugins_once() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
}

void configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kLargestMessage);
  builder.SetMaxSendMessageSize(kLargestMessage);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else two servers share a port without a word
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kPingEveryMs / 2);
}

}  // namespace

class Server::Impl {
 public:
  Impl(const Address& listen, const Services& services, TransferLimits limits) : address_(listen) {
    enable_plugins_once();
    if (services.checkpoints)
      services_["rlhf.v1.CheckpointService"] = make_checkpoint_service(*services.checkpoints, limits);
    if (services.rollouts) services_["rlhf.v1.RolloutService"] = make_rollout_service(*services.rollouts);
    if (services.rewards) services_["rlhf.v1.RewardService"] = make_reward_service(*services.rewards);
    grpc::ServerBuilder builder;
    configure(builder);
    int port = 0;
    builder.AddListeningPort(listen.text(), grpc::InsecureServerCredentials(), &port);
    for (const auto& [name, service] : services_) builder.RegisterService(service.get());
    server_ = builder.BuildAndStart();
    if (!server_ || port == 0)
      throw WorldError("cannot listen on " + listen.text() +
                       ": the port is in use, or not ours to take; port 0 picks a free one");
    for (const auto& [name, service] : services_)
      server_->GetHealthCheckService()->SetServingStatus(name, true);
    address_.port = static_cast<uint16_t>(port);
  }

  const Address& address() const { return address_; }

  void stop(std::chrono::milliseconds grace) {
    const std::scoped_lock lock(stopping_);
    if (server_) server_->Shutdown(std::chrono::system_clock::now() + grace);
    server_.reset();
  }

 private:
  Address address_;
  std::map<std::string, std::unique_ptr<grpc::Service>> services_;  // by the name health knows them under
  std::mutex stopping_;
  std::unique_ptr<grpc::Server> server_;
};

Server::Server(const Address& listen, const Services& services, TransferLimits limits)
    : impl_(std::make_unique<Impl>(listen, services, limits)) {}
Server::~Server() {
  stop();
}

const Address& Server::address() const {
  return impl_->address();
}
void Server::stop(std::chrono::milliseconds grace) {
  impl_->stop(grace);
}

}  // namespace rlhf
