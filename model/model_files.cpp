#include "model/model_files.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "contract/error.h"
#include "contract/sha256.h"

namespace rlhf {

ModelFiles ModelFiles::in_folder(const std::filesystem::path& folder,
                                 std::optional<CheckpointManifest> manifest) {
  if (!std::filesystem::is_directory(folder)) throw UserError(folder.string() + ": no such model folder");
  ModelFiles files;
  files.folder_ = folder;
  files.manifest_ = std::move(manifest);
  return files;
}

ModelFiles ModelFiles::in_memory(CheckpointBytes checkpoint) {
  ModelFiles files;
  files.bytes_ = std::make_shared<const CheckpointBytes>(std::move(checkpoint));
  return files;
}

bool ModelFiles::has(const std::string& name) const {
  return bytes_ ? bytes_->find(name) != nullptr : std::filesystem::is_regular_file(folder_ / name);
}

std::string ModelFiles::where(const std::string& name) const {
  return bytes_ ? "the received model's " + name : (folder_ / name).string();
}

std::string ModelFiles::read(const std::string& name) const {
  if (!has(name)) throw UserError(where(name) + ": no such file");
  if (bytes_) return *bytes_->find(name)->bytes;
  std::ifstream file(folder_ / name, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw UserError(where(name) + ": cannot be read");
  return std::move(text).str();
}

std::vector<std::string> ModelFiles::names() const {
  std::vector<std::string> names;
  if (bytes_) {
    for (const CheckpointFile& file : bytes_->files) names.push_back(file.name);
  } else {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.is_regular_file()) names.push_back(entry.path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

CheckpointManifest ModelFiles::manifest() const {
  if (bytes_) return bytes_->manifest;
  if (manifest_) return *manifest_;
  CheckpointManifest manifest;
  for (const std::string& name : names()) {
    if (!is_model_file(name)) continue;
    const std::filesystem::path path = folder_ / name;
    manifest.files.push_back({name, std::filesystem::file_size(path), sha256_file(path)});
  }
  manifest.model_hash = model_hash(manifest.files);
  return manifest;
}

SafetensorsFile ModelFiles::safetensors(const std::string& name) const {
  if (!has(name)) throw UserError(where(name) + ": no such file");
  return bytes_ ? SafetensorsFile::from_bytes(bytes_->find(name)->bytes, where(name))
                : SafetensorsFile::open(folder_ / name);
}

}  // namespace rlhf
