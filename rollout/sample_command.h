#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf data sample`, for the command that data/ makes: a model's responses to prompts, into the ledger.
void add_sample_command(CLI::App& data);

}  // namespace rlhf
