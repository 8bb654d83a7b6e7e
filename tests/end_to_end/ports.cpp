#include "tests/end_to_end/ports.h"

#include <stdexcept>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace rlhf::test {

TakenPort::TakenPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), number_(0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket_, generic, size) != 0 || listen(socket_, 1) != 0 ||
      getsockname(socket_, generic, &size) != 0)
    throw std::runtime_error("cannot listen at a port of the loopback address");
  number_ = ntohs(address.sin_port);
}

TakenPort::~TakenPort() {
  close(socket_);
}

int free_port() {
  return TakenPort().number();
}

}  // namespace rlhf::test
