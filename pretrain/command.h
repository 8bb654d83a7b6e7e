#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf pretrain`: next-token prediction on plain text, from fresh weights or a model.
void add_pretrain_command(CLI::App& app);

}  // namespace rlhf
