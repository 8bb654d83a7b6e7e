#include "annotate/terminal_keys.h"

#include <cerrno>
#include <cstring>
#include <string>

#include <termios.h>
#include <unistd.h>

#include "contract/error.h"

namespace rlhf {

namespace {

constexpr int kControlC = 3;
constexpr int kControlD = 4;

}  // namespace

TerminalKeys::TerminalKeys(int descriptor) : descriptor_(descriptor) {
  termios settings{};
  if (isatty(descriptor) == 0 || tcgetattr(descriptor, &settings) != 0) return;
  before_ = std::make_unique<termios>(settings);
  settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  settings.c_cc[VMIN] = 1;
  settings.c_cc[VTIME] = 0;
  tcsetattr(descriptor, TCSADRAIN, &settings);
}

TerminalKeys::~TerminalKeys() {
  if (before_) tcsetattr(descriptor_, TCSADRAIN, before_.get());
}

int TerminalKeys::next() {
  unsigned char byte = 0;
  ssize_t got = 0;
  do {
    got = read(descriptor_, &byte, 1);
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw WorldError(std::string("standard input: reading failed: ") + std::strerror(errno));
  if (got == 0) return -1;
  if (before_ && (byte == kControlC || byte == kControlD)) return 'q';
  return byte;
}

}  // namespace rlhf
