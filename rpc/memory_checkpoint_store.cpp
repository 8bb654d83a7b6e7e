#include "rpc/memory_checkpoint_store.h"

#include <algorithm>

#include "contract/error.h"

namespace rlhf {

class MemoryCheckpointStore::Entry : public StoredCheckpoint {
 public:
  Entry(int64_t version, CheckpointBytes checkpoint)
      : version_(version), checkpoint_(std::move(checkpoint)) {}

  int64_t version() const override { return version_; }
  const CheckpointManifest& manifest() const override { return checkpoint_.manifest; }
  const CheckpointBytes& checkpoint() const { return checkpoint_; }

  void read(std::size_t file, std::size_t piece_bytes,
            const std::function<void(std::string_view)>& take) const override {
    const std::string_view bytes = *checkpoint_.files.at(file).bytes;
    for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) take(bytes.substr(at, piece_bytes));
  }

 private:
  const int64_t version_;
  const CheckpointBytes checkpoint_;
};

namespace {

/// Grows with what arrives rather than with what was announced.
constexpr uint64_t kReserveAtMost = uint64_t{1} << 30;

void check_model_name(const std::string& name) {
  if (!is_model_name(name)) throw UserError("\"" + name + "\" cannot be the name of a model");
}

}  // namespace

MemoryCheckpointStore::MemoryCheckpointStore(std::size_t keep_versions)
    : keep_versions_(std::max<std::size_t>(keep_versions, 1)) {}
MemoryCheckpointStore::~MemoryCheckpointStore() = default;

void MemoryCheckpointStore::publish_as(const std::string& name, int64_t version,
                                       const CheckpointBytes& checkpoint) {
  check_model_name(name);
  const std::scoped_lock lock(mutex_);
  put(name, version, checkpoint);
}

int64_t MemoryCheckpointStore::publish(const std::string& name, const CheckpointBytes& checkpoint) {
  check_model_name(name);
  return add(name, checkpoint);
}

CheckpointBytes MemoryCheckpointStore::fetch(const std::string& name, int64_t version) {
  return find(name, version)->checkpoint();
}

std::shared_ptr<const StoredCheckpoint> MemoryCheckpointStore::open(const std::string& name,
                                                                    int64_t version) {
  return find(name, version);
}

int64_t MemoryCheckpointStore::accept(const std::string& name, const CheckpointManifest& manifest,
                                      const DeliverFiles& deliver) {
  check_model_name(name);
  {
    const std::scoped_lock lock(mutex_);
    if (const int64_t same = version_with(name, manifest)) return same;
  }
  CheckpointBytes checkpoint{manifest, {}};
  std::vector<std::shared_ptr<std::string>> arriving(manifest.files.size());
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    const ManifestEntry& file = manifest.files[i];
    std::shared_ptr<const std::string> bytes = held_file(file.sha256);
    if (!bytes) {
      arriving[i] = std::make_shared<std::string>();
      arriving[i]->reserve(std::min(file.size, kReserveAtMost));
      bytes = arriving[i];
      wanted.push_back(i);
    }
    checkpoint.files.push_back({file.name, std::move(bytes)});
  }
  deliver(wanted, [&](std::size_t file, std::string_view piece) { arriving.at(file)->append(piece); });
  return add(name, checkpoint);
}

std::vector<CheckpointStore::Listed> MemoryCheckpointStore::list() {
  const std::scoped_lock lock(mutex_);
  std::vector<Listed> result;
  for (const auto& [name, model] : models_)
    if (!model.versions.empty()) {
      const Entry& newest = *model.versions.rbegin()->second;
      result.push_back({name, newest.version(), newest.manifest()});
    }
  return result;
}

std::shared_ptr<const MemoryCheckpointStore::Entry> MemoryCheckpointStore::find(const std::string& name,
                                                                                int64_t version) const {
  const std::scoped_lock lock(mutex_);
  const auto model = models_.find(name);
  if (model == models_.end() || model->second.versions.empty())
    throw UserError("there is no model named \"" + name + "\" here");
  const auto& versions = model->second.versions;
  const auto entry = version == 0 ? std::prev(versions.end()) : versions.find(version);
  if (entry == versions.end())
    throw UserError("there is no version " + std::to_string(version) + " of \"" + name + "\" here; it has " +
                    std::to_string(versions.begin()->first) + " to " +
                    std::to_string(versions.rbegin()->first));
  return entry->second;
}

std::shared_ptr<const std::string> MemoryCheckpointStore::held_file(const std::string& sha256) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, model] : models_)
    for (const auto& [version, entry] : model.versions)
      for (std::size_t i = 0; i < entry->manifest().files.size(); ++i)
        if (entry->manifest().files[i].sha256 == sha256) return entry->checkpoint().files[i].bytes;
  return nullptr;
}

int64_t MemoryCheckpointStore::version_with(const std::string& name,
                                            const CheckpointManifest& manifest) const {
  const auto model = models_.find(name);
  if (model == models_.end()) return 0;
  for (const auto& [version, entry] : model->second.versions)
    if (entry->manifest().files == manifest.files) return version;
  return 0;
}

int64_t MemoryCheckpointStore::add(const std::string& name, const CheckpointBytes& checkpoint) {
  const std::scoped_lock lock(mutex_);
  if (const int64_t same = version_with(name, checkpoint.manifest)) return same;
  const int64_t version = models_[name].next_version;
  put(name, version, checkpoint);
  return version;
}

void MemoryCheckpointStore::put(const std::string& name, int64_t version, const CheckpointBytes& checkpoint) {
  Model& model = models_[name];
  model.next_version = std::max(model.next_version, version + 1);
  model.versions[version] = std::make_shared<const Entry>(version, checkpoint);
  while (model.versions.size() > keep_versions_) model.versions.erase(model.versions.begin());
}

}  // namespace rlhf
