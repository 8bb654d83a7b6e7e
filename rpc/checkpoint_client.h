#pragma once
#include <memory>
#include <string>

#include "contract/checkpoint.h"
#include "rpc/address.h"
#include "rpc/protocol.h"

namespace rlhf {

/// Models on a server, by name and version. Every byte that arrives is checked against its SHA-256, and the
/// model hash is recomputed. A file whose bytes this client still holds from an earlier fetch is not sent
/// again: small files are kept, large ones are found as long as somebody else keeps them alive. Safe from any
/// thread.
class CheckpointClient : public CheckpointExchange {
 public:
  explicit CheckpointClient(const Address& server, TransferLimits limits = {}, Deadlines deadlines = {});
  ~CheckpointClient() override;

  /// UserError when the server will not take the name, WorldError when the transfer fails.
  int64_t publish(const std::string& name, const CheckpointBytes& checkpoint) override;
  /// UserError when there is no such model; WorldError when the transfer fails, is cut short or a hash is
  /// wrong.
  CheckpointBytes fetch(const std::string& name, int64_t version) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rlhf
