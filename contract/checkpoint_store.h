#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "contract/checkpoint.h"

namespace rlhf {

/// Takes the next piece of file `file` (its place in the manifest). Files come one after the other.
using TakePiece = std::function<void(std::size_t file, std::string_view piece)>;

/// Delivers the files in `wanted` (ascending places in the manifest) piece by piece, their sizes and SHA-256
/// checked by the time it returns; throws when they are not what the manifest says.
using DeliverFiles = std::function<void(const std::vector<std::size_t>& wanted, const TakePiece& take)>;

/// A checkpoint that a store holds. Stays readable while it is held, whatever the store drops meanwhile.
class StoredCheckpoint {
 public:
  virtual ~StoredCheckpoint() = default;
  virtual int64_t version() const = 0;
  virtual const CheckpointManifest& manifest() const = 0;
  /// Calls `take` with pieces of at most `piece_bytes`, in order. May be called from several threads. Hashes
  /// are not checked: who receives the bytes does. Throws WorldError when the bytes cannot be read or end
  /// early.
  virtual void read(std::size_t file, std::size_t piece_bytes,
                    const std::function<void(std::string_view)>& take) const = 0;
};

/// Keeps checkpoints by name and version: what a checkpoint service offers to others. Unlike
/// CheckpointExchange alone it moves files in pieces, so that a model need not fit in memory twice. All
/// functions may be called from any thread.
class CheckpointStore : public CheckpointExchange {
 public:
  struct Listed {
    std::string name;
    int64_t version = 0;
    CheckpointManifest manifest;
  };

  /// Version 0 means the newest. Throws UserError when there is no such model or version.
  virtual std::shared_ptr<const StoredCheckpoint> open(const std::string& name, int64_t version) = 0;

  /// Stores what `deliver` brings as the next version of `name` and returns that. `deliver` is asked only for
  /// files the store does not hold, and not called at all when a version has equal files already. When it
  /// throws, nothing is stored. `manifest` must have been checked (names, sizes).
  virtual int64_t accept(const std::string& name, const CheckpointManifest& manifest,
                         const DeliverFiles& deliver) = 0;

  /// The newest version of every name, sorted by name.
  virtual std::vector<Listed> list() = 0;
};

/// True for a name a model may be stored under: letters, digits, '.', '_', '-', not starting with '.', at
/// most 128.
bool is_model_name(std::string_view name);

}  // namespace rlhf
