#pragma once
#include <CLI/App.hpp>

namespace rlhf {

/// `rlhf import`: a GGUF file or any model becomes a Hugging Face folder.
void add_import_command(CLI::App& app);
/// `rlhf export`: a model becomes a folder, a .gguf file, or is published to a server.
void add_export_command(CLI::App& app);

}  // namespace rlhf
