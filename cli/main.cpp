#include <cstdlib>  // defines __GLIBC__ where it is

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "cli/command_line.h"

int main(int argc, char** argv) {
#if defined(__GLIBC__)
  // Tensors come and go at the same sizes. By default glibc gives large ones back to the system, which then
  // clears their pages anew: a tenth of a training step.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
  // Our own messages say what went wrong on the network.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  return rlhf::run_command_line({argv + 1, argv + argc});
}
