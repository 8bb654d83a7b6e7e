#pragma once

namespace rlhf::test {

/// A port of the loopback address that somebody listens at as long as this lives.
class TakenPort {
 public:
  TakenPort();
  ~TakenPort();
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;

  int number() const { return number_; }

 private:
  int socket_;
  int number_;
};

/// A port of the loopback address that nobody listens at.
int free_port();

}  // namespace rlhf::test
