#pragma once
#include <string>
#include <utility>
#include <vector>

namespace rlhf {

/// Whether a Host header names this machine: localhost or a loopback address, with any port, as an ssh tunnel
/// has another. Every other name may be a foreign one that was made to point here (DNS rebinding).
bool names_this_machine(const std::string& host);

/// Whether a page of `origin` is our own: "http://" and the Host of the same request.
bool is_own_origin(const std::string& origin, const std::string& host);

/// Headers of every reply: nothing but our own scripts and styles runs or loads, no frame, no cache, and the
/// address, which holds the token, is told to nobody.
const std::vector<std::pair<std::string, std::string>>& guarding_headers();

}  // namespace rlhf
