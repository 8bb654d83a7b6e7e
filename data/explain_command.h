#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf explain MODEL`: what a model was made from, back to the labels and the imports.
void add_explain_command(CLI::App& app);

/// `rlhf data trace ID`, for the command that data/ makes: one rollout, token by token.
void add_trace_command(CLI::App& data);

}  // namespace rlhf
