#pragma once

namespace CLI {
class App;
}

namespace rlhf {

/// rlhf tokenizer encode | decode | train
void add_tokenizer_command(CLI::App& app);

}  // namespace rlhf
