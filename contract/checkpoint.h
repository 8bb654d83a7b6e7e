#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rlhf {

/// The file in which a checkpoint folder says what it holds.
inline constexpr char kManifestName[] = "manifest.json";

/// True for a name that may stand in a manifest: 1 to 255 bytes, no path separator, not hidden, not
/// manifest.json.
bool is_checkpoint_file_name(const std::string& name);

/// One file of a checkpoint, by name relative to its folder.
struct ManifestEntry {
  std::string name;
  uint64_t size = 0;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
  bool operator==(const ManifestEntry&) const = default;
};

/// What a checkpoint folder says about itself, in manifest.json.
struct CheckpointManifest {
  std::vector<ManifestEntry> files;  ///< sorted by name; every file but manifest.json itself
  /// SHA-256 over the sorted lines "name size sha256\n" of weights, config and tokenizer files: equal models
  /// have equal hashes, whatever optimizer state lies beside them.
  std::string model_hash;
  std::string tokenizer_hash;  ///< over the content of the tokenizer, not its bytes (text/tokenizer.h)
  std::string stage;           ///< "pretrain", "sft", "reward", "ppo", "import"
  int64_t step = 0;
  std::vector<std::string> parents;  ///< model hashes this one was trained from
};

/// True for the files that make up the model hash: *.safetensors (not optimizer state), config.json,
/// generation_config.json, model.safetensors.index.json, tokenizer files, chat_template.jinja.
bool is_model_file(const std::string& name);

/// The model hash of a list of files. Order does not matter.
std::string model_hash(std::vector<ManifestEntry> files);

/// A checkpoint held as bytes: what crosses the wire. Bytes are shared, never copied on the way.
struct CheckpointFile {
  std::string name;
  std::shared_ptr<const std::string> bytes;
};

struct CheckpointBytes {
  CheckpointManifest manifest;
  std::vector<CheckpointFile> files;  ///< in manifest order

  /// nullptr when there is no such file.
  const CheckpointFile* find(const std::string& name) const;
};

/// Where a trainer saves. An implementation makes the folder appear whole or not at all (storage/).
class CheckpointSaver {
 public:
  virtual ~CheckpointSaver() = default;
  /// Calls `write_files` with an empty temporary folder, then makes it durable as checkpoint-<step>, and
  /// drops the oldest ones past the limit. Throws WorldError when the disk fails; earlier checkpoints are
  /// then untouched.
  virtual void save(int64_t step, const std::function<void(const std::filesystem::path&)>& write_files) = 0;
};

/// Where models are handed to others by name and version (rpc/: a gRPC server; in-process: a folder).
class CheckpointExchange {
 public:
  virtual ~CheckpointExchange() = default;
  /// Stores `checkpoint` under `name` and returns its version (1, 2, ...). Publishing equal bytes again is a
  /// no-op that returns the version they already have.
  virtual int64_t publish(const std::string& name, const CheckpointBytes& checkpoint) = 0;
  /// Version 0 means the newest. Throws UserError when there is no such model, WorldError when the transfer
  /// fails or a hash is wrong.
  virtual CheckpointBytes fetch(const std::string& name, int64_t version) = 0;
};

}  // namespace rlhf
