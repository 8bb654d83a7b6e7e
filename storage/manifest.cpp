#include "storage/manifest.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "contract/sha256.h"

namespace rlhf {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr int kFormatVersion = 1;
constexpr uintmax_t kLargestManifest = 16 << 20;

bool is_hidden(const std::string& name) {
  return name.starts_with(".");
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

ManifestEntry describe(const fs::path& path) {
  return {path.filename().string(), fs::file_size(path), sha256_file(path)};
}

std::vector<ManifestEntry> describe_model_files(const fs::path& folder) {
  std::vector<ManifestEntry> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && is_model_file(entry.path().filename().string()))
      files.push_back(describe(entry.path()));
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

void check_entries(const CheckpointManifest& manifest, const std::string& where) {
  std::set<std::string> seen;
  for (const ManifestEntry& file : manifest.files) {
    if (!is_checkpoint_file_name(file.name))
      throw UserError(where + ": \"" + file.name + "\" cannot be the name of a checkpoint file");
    if (!seen.insert(file.name).second) throw UserError(where + ": " + file.name + " is listed twice");
    if (!is_sha256(file.sha256)) throw UserError(where + ": the sha256 of " + file.name + " is not one");
  }
  if (model_hash(manifest.files) != manifest.model_hash)
    throw UserError(where + ": model_hash does not follow from the files listed");
}

/// The first file of the manifest that is missing or of another size; empty when all are there.
std::string find_fault(const fs::path& folder, const CheckpointManifest& manifest) {
  for (const ManifestEntry& file : manifest.files) {
    const fs::path path = folder / file.name;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return path.string() + " is missing; manifest.json lists it";
    const uintmax_t size = fs::file_size(path, error);
    if (error || size != file.size)
      return path.string() + " has " + std::to_string(size) + " bytes; manifest.json says " +
             std::to_string(file.size);
  }
  return {};
}

}  // namespace

CheckpointManifest make_manifest(const fs::path& folder, const CheckpointIdentity& identity, int64_t step) {
  CheckpointManifest manifest;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_symlink() || !entry.is_regular_file() || !is_checkpoint_file_name(name))
      throw std::logic_error("a checkpoint cannot hold " + entry.path().string());
    manifest.files.push_back(describe(entry.path()));
  }
  std::sort(manifest.files.begin(), manifest.files.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  manifest.model_hash = model_hash(manifest.files);
  manifest.tokenizer_hash = identity.tokenizer_hash;
  manifest.stage = identity.stage;
  manifest.step = step;
  manifest.parents = identity.parents;
  return manifest;
}

std::string manifest_to_json(const CheckpointManifest& manifest) {
  ordered_json files = ordered_json::array();
  for (const ManifestEntry& file : manifest.files)
    files.push_back({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}});
  const ordered_json json = {{"format_version", kFormatVersion},
                             {"stage", manifest.stage},
                             {"step", manifest.step},
                             {"model_hash", manifest.model_hash},
                             {"tokenizer_hash", manifest.tokenizer_hash},
                             {"parents", manifest.parents},
                             {"files", files}};
  return json.dump(2) + "\n";
}

CheckpointManifest manifest_from_json(const std::string& text, const std::string& where) {
  CheckpointManifest manifest;
  try {
    const ordered_json json = ordered_json::parse(text);
    const int version = json.at("format_version").get<int>();
    if (version != kFormatVersion)
      throw UserError(where + ": format_version " + std::to_string(version) + "; this program reads " +
                      std::to_string(kFormatVersion));
    manifest.stage = json.at("stage").get<std::string>();
    manifest.step = json.at("step").get<int64_t>();
    manifest.model_hash = json.at("model_hash").get<std::string>();
    manifest.tokenizer_hash = json.at("tokenizer_hash").get<std::string>();
    manifest.parents = json.at("parents").get<std::vector<std::string>>();
    for (const ordered_json& file : json.at("files"))
      manifest.files.push_back({file.at("name").get<std::string>(), file.at("size").get<uint64_t>(),
                                file.at("sha256").get<std::string>()});
  } catch (const nlohmann::json::exception& error) {
    throw UserError(where + " is not a manifest: " + error.what());
  }
  check_entries(manifest, where);
  return manifest;
}

bool has_manifest(const fs::path& folder) {
  return fs::is_regular_file(folder / kManifestName);
}

CheckpointManifest read_manifest(const fs::path& folder) {
  const fs::path path = folder / kManifestName;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read " + path.string());
  if (fs::file_size(path) > kLargestManifest)
    throw UserError(path.string() + " is too large to be a manifest");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return manifest_from_json(text, path.string());
}

CheckpointManifest manifest_of(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw UserError(folder.string() + " is not a folder");
  if (has_manifest(folder)) return read_manifest(folder);
  CheckpointManifest manifest;
  manifest.files = describe_model_files(folder);
  if (manifest.files.empty()) throw UserError(folder.string() + " holds no model: config.json is missing");
  manifest.model_hash = model_hash(manifest.files);
  return manifest;
}

CheckpointManifest verify(const fs::path& folder) {
  CheckpointManifest manifest = manifest_of(folder);
  if (!has_manifest(folder)) return manifest;
  if (const std::string fault = find_fault(folder, manifest); !fault.empty()) throw UserError(fault);
  refuse_unlisted_files(folder, manifest);
  for (const ManifestEntry& file : manifest.files)
    if (sha256_file(folder / file.name) != file.sha256)
      throw UserError((folder / file.name).string() +
                      " is damaged: its SHA-256 is not the one in manifest.json");
  return manifest;
}

void refuse_unlisted_files(const fs::path& folder, const CheckpointManifest& manifest) {
  std::set<std::string> expected{kManifestName};
  for (const ManifestEntry& file : manifest.files) expected.insert(file.name);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!is_hidden(name) && !expected.contains(name))
      throw UserError(entry.path().string() + " is not listed in manifest.json; remove it");
  }
}

bool looks_complete(const fs::path& folder, std::string* why) {
  std::string fault;
  try {
    fault = find_fault(folder, read_manifest(folder));
  } catch (const std::exception& error) {
    fault = error.what();
  }
  if (why) *why = fault;
  return fault.empty();
}

}  // namespace rlhf
