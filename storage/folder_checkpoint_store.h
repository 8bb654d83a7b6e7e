#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "contract/checkpoint_store.h"

namespace rlhf {

/// Checkpoints on disk, root/<name>/<version>/, each folder whole or absent: what `rlhf serve --store`
/// offers. Folders put there by hand count too when they have a manifest. Files that two versions share are
/// hard links of one another where the file system has them. One process holds a store at a time; within it
/// every function may be called from any thread, transfers in are one after the other.
class FolderCheckpointStore : public CheckpointStore {
 public:
  /// Makes `root` when it is absent and reads the manifests there; incomplete folders are passed over with a
  /// warning. Throws UserError when another process holds it.
  explicit FolderCheckpointStore(const std::filesystem::path& root);
  ~FolderCheckpointStore() override;

  int64_t publish(const std::string& name, const CheckpointBytes& checkpoint) override;
  CheckpointBytes fetch(const std::string& name, int64_t version) override;
  std::shared_ptr<const StoredCheckpoint> open(const std::string& name, int64_t version) override;
  int64_t accept(const std::string& name, const CheckpointManifest& manifest,
                 const DeliverFiles& deliver) override;
  std::vector<Listed> list() override;

 private:
  struct Lock;
  using Versions = std::map<int64_t, CheckpointManifest>;

  void read_root();
  Listed find(const std::string& name, int64_t version) const;  // throws UserError
  int64_t version_with(const std::string& name, const CheckpointManifest& manifest) const;  // 0: none
  std::filesystem::path held_file(const ManifestEntry& file) const;                         // empty: none
  std::filesystem::path folder(const std::string& name, int64_t version) const;
  int64_t next_version(const std::string& name) const;

  const std::filesystem::path root_;
  std::unique_ptr<Lock> lock_;
  std::mutex writing_;        // one transfer in at a time
  mutable std::mutex mutex_;  // guards models_
  std::map<std::string, Versions> models_;
};

}  // namespace rlhf
