#include "rpc/address.h"

#include <charconv>
#include <optional>
#include <string_view>

#include <arpa/inet.h>

#include "contract/error.h"

namespace rlhf {
namespace {

constexpr std::string_view kScheme = "grpc://";

struct HostAndPort {
  std::string host;
  uint16_t port = 0;
};

std::optional<HostAndPort> split(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  else if (host.find_first_of(":[]/@") != std::string_view::npos)
    return std::nullopt;
  HostAndPort result{std::string(host), 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (host.empty() || error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return result;
}

bool is_loopback(const std::string& host) {
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

Address parse(std::string_view text, const std::string& flag, const std::string& wanted) {
  const std::optional<HostAndPort> parts = split(text);
  if (!parts) throw UserError(flag + " \"" + std::string(text) + "\" is not " + wanted);
  const std::string host = parts->host == "localhost" ? "127.0.0.1" : parts->host;
  if (!is_loopback(host))
    throw UserError(
        flag + " \"" + std::string(text) + "\": " + parts->host +
        " is not this machine. Connections are not encrypted, so only loopback addresses (127.0.0.1, "
        "[::1]) are taken; reach other machines through an ssh tunnel");
  return {host, parts->port};
}

}  // namespace

std::string Address::text() const {
  const bool six = host.find(':') != std::string::npos;
  return (six ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Address parse_listen_address(const std::string& text, const std::string& flag) {
  return parse(text, flag, "HOST:PORT, such as 127.0.0.1:0 (port 0 picks a free one)");
}

Address parse_server_address(const std::string& text, const std::string& flag) {
  const std::string wanted = "grpc://HOST:PORT, such as grpc://127.0.0.1:5000";
  std::string_view rest = text;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  const Address address = parse(rest, flag, wanted);
  if (address.port == 0) throw UserError(flag + " \"" + text + "\" has port 0, where nobody can be reached");
  return address;
}

}  // namespace rlhf
