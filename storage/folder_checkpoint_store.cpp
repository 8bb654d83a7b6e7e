#include "storage/folder_checkpoint_store.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "contract/error.h"
#include "log/log.h"
#include "storage/atomic_folder.h"
#include "storage/checkpoint_directory.h"
#include "storage/file_descriptor.h"
#include "storage/manifest.h"

namespace rlhf {

namespace fs = std::filesystem;

struct FolderCheckpointStore::Lock {
  FileDescriptor fd;
};

namespace {

/// A version with its files open, so that it stays readable whatever happens to the folder.
class OpenCheckpoint : public StoredCheckpoint {
 public:
  OpenCheckpoint(const fs::path& folder, int64_t version, CheckpointManifest manifest)
      : version_(version), manifest_(std::move(manifest)), folder_(folder) {
    for (const ManifestEntry& file : manifest_.files) {
      files_.emplace_back(::open((folder / file.name).c_str(), O_RDONLY | O_CLOEXEC));
      if (!files_.back()) throw WorldError("cannot read " + (folder / file.name).string());
    }
  }

  int64_t version() const override { return version_; }
  const CheckpointManifest& manifest() const override { return manifest_; }

  void read(std::size_t file, std::size_t piece_bytes,
            const std::function<void(std::string_view)>& take) const override {
    std::string piece(std::min<uint64_t>(piece_bytes, manifest_.files.at(file).size), '\0');
    uint64_t at = 0;
    while (at < manifest_.files[file].size) {
      const ssize_t got = pread(files_[file].get(), piece.data(), piece.size(), static_cast<off_t>(at));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0)
        throw WorldError("reading " + (folder_ / manifest_.files[file].name).string() +
                         (got < 0 ? std::string(" failed: ") + std::strerror(errno) : " ended early"));
      take(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
      at += static_cast<uint64_t>(got);
    }
  }

 private:
  const int64_t version_;
  const CheckpointManifest manifest_;
  const fs::path folder_;
  std::vector<FileDescriptor> files_;
};

std::optional<int64_t> version_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  int64_t version = 0;
  const auto [stop, error] = std::from_chars(name.data(), name.data() + name.size(), version);
  if (error != std::errc() || stop != name.data() + name.size() || version < 1) return std::nullopt;
  return std::to_string(version) == name ? std::optional(version) : std::nullopt;
}

void check_model_name(const std::string& name) {
  if (!is_model_name(name)) throw UserError("\"" + name + "\" cannot be the name of a model");
}

void link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (error) fs::copy_file(from, to);
}

}  // namespace

FolderCheckpointStore::FolderCheckpointStore(const fs::path& root)
    : root_(root), lock_(std::make_unique<Lock>()) {
  std::error_code error;
  fs::create_directories(root, error);
  if (!fs::is_directory(root)) throw UserError(root.string() + " is not a folder and cannot be made one");
  lock_->fd = FileDescriptor(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock_->fd) throw WorldError("cannot open " + root.string() + ": " + std::strerror(errno));
  if (flock(lock_->fd.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw UserError(root.string() + " is in use by another process; give --store another folder");
  read_root();
}

FolderCheckpointStore::~FolderCheckpointStore() = default;

void FolderCheckpointStore::read_root() {
  for (const fs::directory_entry& model : fs::directory_iterator(root_)) {
    const std::string name = model.path().filename().string();
    if (!model.is_directory() || !is_model_name(name)) continue;
    remove_leftovers(model.path());
    for (const fs::directory_entry& entry : fs::directory_iterator(model.path())) {
      const std::optional<int64_t> version = version_of(entry.path());
      if (!version) continue;
      if (std::string why; looks_complete(entry.path(), &why))
        models_[name][*version] = read_manifest(entry.path());
      else
        log::warn("passing over " + entry.path().string() + ": " + why);
    }
  }
}

int64_t FolderCheckpointStore::publish(const std::string& name, const CheckpointBytes& checkpoint) {
  check_model_name(name);
  const std::scoped_lock writing(writing_);
  if (const int64_t same = version_with(name, checkpoint.manifest)) return same;
  const int64_t version = next_version(name);
  write_checkpoint_bytes(checkpoint, folder(name, version));
  const std::scoped_lock lock(mutex_);
  models_[name][version] = checkpoint.manifest;
  return version;
}

CheckpointBytes FolderCheckpointStore::fetch(const std::string& name, int64_t version) {
  return read_checkpoint_bytes(folder(name, find(name, version).version));
}

std::shared_ptr<const StoredCheckpoint> FolderCheckpointStore::open(const std::string& name,
                                                                    int64_t version) {
  const Listed found = find(name, version);
  return std::make_shared<OpenCheckpoint>(folder(name, found.version), found.version, found.manifest);
}

int64_t FolderCheckpointStore::accept(const std::string& name, const CheckpointManifest& manifest,
                                      const DeliverFiles& deliver) {
  check_model_name(name);
  const std::scoped_lock writing(writing_);
  if (const int64_t same = version_with(name, manifest)) return same;
  const int64_t version = next_version(name);
  write_folder_atomically(folder(name, version), [&](const fs::path& partial) {
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < manifest.files.size(); ++i) {
      const ManifestEntry& file = manifest.files[i];
      if (!is_checkpoint_file_name(file.name))
        throw WorldError("a file named \"" + file.name + "\" is refused");
      if (const fs::path held = held_file(file); !held.empty())
        link_or_copy(held, partial / file.name);
      else
        wanted.push_back(i);
    }
    std::vector<std::ofstream> arriving(manifest.files.size());
    for (const std::size_t i : wanted) {
      arriving[i].exceptions(std::ios::failbit | std::ios::badbit);
      arriving[i].open(partial / manifest.files[i].name, std::ios::binary);
    }
    deliver(wanted, [&](std::size_t file, std::string_view piece) {
      arriving.at(file).write(piece.data(), static_cast<std::streamsize>(piece.size()));
    });
    for (const std::size_t i : wanted) arriving[i].close();
    write_file_durably(partial / kManifestName, manifest_to_json(manifest));
  });
  const std::scoped_lock lock(mutex_);
  models_[name][version] = manifest;
  return version;
}

std::vector<CheckpointStore::Listed> FolderCheckpointStore::list() {
  const std::scoped_lock lock(mutex_);
  std::vector<Listed> newest;
  for (const auto& [name, versions] : models_)
    newest.push_back({name, versions.rbegin()->first, versions.rbegin()->second});
  return newest;
}

CheckpointStore::Listed FolderCheckpointStore::find(const std::string& name, int64_t version) const {
  const std::scoped_lock lock(mutex_);
  const auto model = models_.find(name);
  if (model == models_.end()) throw UserError("there is no model named \"" + name + "\" here");
  const Versions& versions = model->second;
  const auto entry = version == 0 ? std::prev(versions.end()) : versions.find(version);
  if (entry == versions.end())
    throw UserError("there is no version " + std::to_string(version) + " of \"" + name + "\" here; it has " +
                    std::to_string(versions.begin()->first) + " to " +
                    std::to_string(versions.rbegin()->first));
  return {name, entry->first, entry->second};
}

int64_t FolderCheckpointStore::version_with(const std::string& name,
                                            const CheckpointManifest& manifest) const {
  const std::scoped_lock lock(mutex_);
  const auto model = models_.find(name);
  if (model == models_.end()) return 0;
  for (const auto& [version, held] : model->second)
    if (held.files == manifest.files) return version;
  return 0;
}

fs::path FolderCheckpointStore::held_file(const ManifestEntry& file) const {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, versions] : models_)
    for (const auto& [version, manifest] : versions)
      for (const ManifestEntry& held : manifest.files)
        if (held.sha256 == file.sha256 && held.size == file.size) return folder(name, version) / held.name;
  return {};
}

fs::path FolderCheckpointStore::folder(const std::string& name, int64_t version) const {
  return root_ / name / std::to_string(version);
}

int64_t FolderCheckpointStore::next_version(const std::string& name) const {
  int64_t highest = 0;
  if (fs::is_directory(root_ / name))
    for (const fs::directory_entry& entry : fs::directory_iterator(root_ / name))
      highest = std::max(highest, version_of(entry.path()).value_or(0));
  return highest + 1;
}

}  // namespace rlhf
