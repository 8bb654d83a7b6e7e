#pragma once

namespace rlhf {

/// From here on SIGINT and SIGTERM only set a flag; a second one ends the process at once.
void catch_interrupts();
bool interrupt_requested();

}  // namespace rlhf
