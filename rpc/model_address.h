#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "contract/checkpoint.h"
#include "rpc/address.h"

namespace rlhf {

/// A model that a server offers: "grpc://HOST:PORT/NAME[@VERSION]". Accepted wherever a model folder is.
struct ModelAddress {
  Address server;
  std::string name;
  int64_t version = 0;       ///< 0: the newest
  std::string text() const;  ///< as written, the version only if not 0
};

/// True for what is meant as an address rather than a folder: it begins with "grpc://".
bool is_model_address(std::string_view text);

/// Throws UserError that says which part is wrong, a host that is not this machine included.
ModelAddress parse_model_address(const std::string& text);

/// The same for a place to publish at, where a version is the server's to give.
ModelAddress parse_publish_address(const std::string& text);

/// Dials, fetches, verifies. Throws UserError when there is no such model, WorldError when the transfer
/// fails.
CheckpointBytes fetch_model(const std::string& address);

/// Sends `checkpoint` to "grpc://HOST:PORT/NAME" and returns the address with its version: what --publish
/// does.
ModelAddress publish_model(const std::string& address, const CheckpointBytes& checkpoint);

}  // namespace rlhf
