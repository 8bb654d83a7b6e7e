#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/checkpoint.h"
#include "model/safetensors.h"

namespace rlhf {

/// The files of a model, wherever they are: a Hugging Face folder (weights are mapped, not read), or bytes
/// that came over the wire. Cheap to copy.
class ModelFiles {
 public:
  /// UserError when the folder does not exist. `manifest`: of its files, where somebody has hashed them
  /// already.
  static ModelFiles in_folder(const std::filesystem::path& folder,
                              std::optional<CheckpointManifest> manifest = std::nullopt);
  static ModelFiles in_memory(CheckpointBytes checkpoint);

  bool has(const std::string& name) const;
  std::string read(const std::string& name) const;   ///< UserError when absent
  std::string where(const std::string& name) const;  ///< for messages
  std::vector<std::string> names() const;
  /// The checkpoint's own when it came over the wire, and the one given for a folder. Else one made by
  /// hashing its model files, without stage, step and parents; storage/manifest.h reads what a checkpoint
  /// folder says of itself.
  CheckpointManifest manifest() const;
  /// UserError when absent or malformed.
  SafetensorsFile safetensors(const std::string& name) const;

 private:
  std::filesystem::path folder_;
  std::optional<CheckpointManifest> manifest_;
  std::shared_ptr<const CheckpointBytes> bytes_;
};

}  // namespace rlhf
