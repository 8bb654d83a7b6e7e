#pragma once
#include <memory>
#include <string>

struct termios;

namespace rlhf {

/// Keys from a file descriptor, one byte each. A terminal is switched to give keys at once and without echo
/// while this lives; Ctrl-C and Ctrl-D are 'q' there. A pipe or file is read as it is.
class TerminalKeys {
 public:
  explicit TerminalKeys(int descriptor);
  ~TerminalKeys();
  TerminalKeys(const TerminalKeys&) = delete;
  TerminalKeys& operator=(const TerminalKeys&) = delete;

  /// -1 at the end. Throws WorldError when reading fails.
  int next();
  bool is_terminal() const { return before_ != nullptr; }

 private:
  int descriptor_;
  std::unique_ptr<termios> before_;  ///< the terminal's settings, to be put back
};

}  // namespace rlhf
