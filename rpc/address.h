#pragma once
#include <cstdint>
#include <string>

namespace rlhf {

/// Where a server listens or a client dials.
struct Address {
  std::string host;  ///< "127.0.0.1", "::1"; "localhost" is read as 127.0.0.1
  uint16_t port = 0;
  std::string text() const;  ///< "127.0.0.1:5000", "[::1]:5000"
  bool operator==(const Address&) const = default;
};

/// Reads "HOST:PORT" or "[IPV6]:PORT". Port 0 lets the system pick one. Until TLS exists a host that is not
/// this machine is refused. Throws UserError; `flag` names what held the text.
Address parse_listen_address(const std::string& text, const std::string& flag = "--listen");

/// The same for a server to be dialled, "grpc://HOST:PORT" or "HOST:PORT"; port 0 is an error.
Address parse_server_address(const std::string& text, const std::string& flag);

}  // namespace rlhf
