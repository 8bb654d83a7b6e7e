#pragma once
#include <map>
#include <mutex>
#include <string>

#include "contract/checkpoint_store.h"

namespace rlhf {

/// Checkpoints in this process's memory: where a learner keeps the policy versions its workers may ask for.
/// Publishing and fetching in-process share bytes instead of copying them, and trust the manifest.
class MemoryCheckpointStore : public CheckpointStore {
 public:
  /// Keeps the newest `keep_versions` of each name: max_staleness + 1 is enough for a learner, and what is
  /// being sent stays readable to its end.
  explicit MemoryCheckpointStore(std::size_t keep_versions = 2);
  ~MemoryCheckpointStore() override;

  /// Publishes under this very number, whether the same bytes have one already or not: a learner's versions
  /// count its iterations, in a resumed run too.
  void publish_as(const std::string& name, int64_t version, const CheckpointBytes& checkpoint);

  int64_t publish(const std::string& name, const CheckpointBytes& checkpoint) override;
  CheckpointBytes fetch(const std::string& name, int64_t version) override;
  std::shared_ptr<const StoredCheckpoint> open(const std::string& name, int64_t version) override;
  int64_t accept(const std::string& name, const CheckpointManifest& manifest,
                 const DeliverFiles& deliver) override;
  std::vector<Listed> list() override;

 private:
  class Entry;
  struct Model {
    int64_t next_version = 1;
    std::map<int64_t, std::shared_ptr<const Entry>> versions;
  };
  std::shared_ptr<const Entry> find(const std::string& name, int64_t version) const;  // throws UserError
  std::shared_ptr<const std::string> held_file(const std::string& sha256) const;      // nullptr when not held
  int64_t version_with(const std::string& name,
                       const CheckpointManifest& manifest) const;  // 0: none; needs mutex_
  int64_t add(const std::string& name, const CheckpointBytes& checkpoint);
  void put(const std::string& name, int64_t version, const CheckpointBytes& checkpoint);  // needs mutex_

  const std::size_t keep_versions_;
  mutable std::mutex mutex_;  // guards models_
  std::map<std::string, Model> models_;
};

}  // namespace rlhf
