#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "model/gguf_format.h"
#include "model/gguf_metadata.h"

namespace rlhf {

struct GgufTensorToWrite {
  std::string name;
  std::vector<int64_t> shape;  ///< slowest dimension first, as torch has it
  GgufTensorType type = GgufTensorType::kF32;
  /// The numbers, row after row. Called once, when it is this tensor's turn, so that a model need not be in
  /// memory twice.
  std::function<std::vector<float>()> values;
};

/// Writes a GGUF file of version 3 with the default alignment. Types are those that quantize() takes; rows
/// must be whole blocks (std::invalid_argument). WorldError when the disk fails; the caller makes the file
/// appear whole.
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                const std::vector<GgufTensorToWrite>& tensors);

}  // namespace rlhf
