#include "storage/checkpoint_directory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <string_view>

#include "contract/error.h"
#include "contract/sha256.h"
#include "log/log.h"
#include "storage/atomic_folder.h"
#include "storage/provenance.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = "checkpoint-";

/// The step in a name like checkpoint-12; nothing for checkpoint-best or checkpoint-012.
std::optional<int64_t> step_of(const fs::path& path) {
  const std::string name = path.filename().string();
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  int64_t step = -1;
  const auto [stop, error] = std::from_chars(begin, end, step);
  if (error != std::errc() || stop != end || step < 0 ||
      std::to_string(step).size() != std::size_t(end - begin))
    return std::nullopt;
  return step;
}

std::vector<int64_t> steps_in(const fs::path& output_dir) {
  std::vector<int64_t> steps;
  if (!fs::is_directory(output_dir)) return steps;
  for (const fs::directory_entry& entry : fs::directory_iterator(output_dir))
    if (const auto step = step_of(entry.path()); step && entry.is_directory()) steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

fs::path path_of(const fs::path& output_dir, int64_t step) {
  return output_dir / (std::string(kPrefix) + std::to_string(step));
}

std::shared_ptr<const std::string> read_file(const fs::path& path, const ManifestEntry& expected) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read " + path.string());
  if (fs::file_size(path) != expected.size)
    throw UserError(path.string() + " has " + std::to_string(fs::file_size(path)) + " bytes, " +
                    std::to_string(expected.size) + " expected");
  auto bytes = std::make_shared<std::string>(expected.size, '\0');
  file.read(bytes->data(), static_cast<std::streamsize>(bytes->size()));
  if (!file) throw WorldError("reading " + path.string() + " failed");
  return bytes;
}

void check_bytes(const CheckpointBytes& checkpoint) {
  const CheckpointManifest& manifest = checkpoint.manifest;
  if (manifest.files.size() != checkpoint.files.size())
    throw WorldError("a checkpoint of " + std::to_string(checkpoint.files.size()) +
                     " files whose manifest lists " + std::to_string(manifest.files.size()));
  for (std::size_t i = 0; i < manifest.files.size(); ++i) {
    const ManifestEntry& entry = manifest.files[i];
    const CheckpointFile& file = checkpoint.files[i];
    if (file.name != entry.name || !is_checkpoint_file_name(file.name))
      throw WorldError("a checkpoint with a file named \"" + file.name + "\" is refused");
    if (i > 0 && !(manifest.files[i - 1].name < entry.name))
      throw WorldError("a checkpoint whose manifest is not sorted at " + entry.name);
    if (file.bytes->size() != entry.size || sha256_hex(*file.bytes) != entry.sha256)
      throw WorldError("the bytes of " + entry.name + " do not have the hash their manifest gives");
  }
  if (model_hash(manifest.files) != manifest.model_hash)
    throw WorldError("a checkpoint whose model hash does not follow from its files");
}

}  // namespace

CheckpointDirectory::CheckpointDirectory(fs::path output_dir, CheckpointIdentity identity,
                                         int save_total_limit)
    : output_dir_(std::move(output_dir)),
      identity_(std::move(identity)),
      save_total_limit_(save_total_limit) {
  if (save_total_limit_ < 0)
    throw UserError("save_total_limit is " + std::to_string(save_total_limit_) +
                    "; it must be 0 (keep all) or more");
  if (fs::is_directory(output_dir_)) remove_leftovers(output_dir_);
}

void CheckpointDirectory::save(int64_t step, const std::function<void(const fs::path&)>& write_files) {
  write_folder_atomically(
      checkpoint_path(step),
      [&](const fs::path& folder) {
        write_files(folder);
        add_manifest(folder, identity_, step);
      },
      IfExists::kReplace);
  if (save_total_limit_ == 0) return;
  std::vector<int64_t> steps = own_steps();
  std::erase(steps, step);
  while (steps.size() + 1 > static_cast<std::size_t>(save_total_limit_)) {
    remove_folder_atomically(checkpoint_path(steps.front()));
    steps.erase(steps.begin());
  }
}

void CheckpointDirectory::save_final(int64_t step, const std::function<void(const fs::path&)>& write_files) {
  write_folder_atomically(
      final_path(),
      [&](const fs::path& folder) {
        write_files(folder);
        add_manifest(folder, identity_, step);
      },
      IfExists::kReplace);
}

void CheckpointDirectory::truncate_after(int64_t step) {
  for (const int64_t later : own_steps())
    if (later > step) remove_folder_atomically(checkpoint_path(later));
}

fs::path CheckpointDirectory::checkpoint_path(int64_t step) const {
  return path_of(output_dir_, step);
}

fs::path CheckpointDirectory::final_path() const {
  return output_dir_ / "final";
}

std::vector<int64_t> CheckpointDirectory::own_steps() const {
  std::vector<int64_t> steps = steps_in(output_dir_);
  std::erase_if(steps, [&](int64_t step) {
    try {
      const CheckpointManifest manifest = read_manifest(checkpoint_path(step));
      return manifest.stage != identity_.stage || manifest.step != step;
    } catch (const UserError&) {
      return true;  // not written by us
    }
  });
  return steps;
}

std::optional<fs::path> latest_checkpoint(const fs::path& output_dir) {
  const std::vector<int64_t> steps = steps_in(output_dir);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const fs::path folder = path_of(output_dir, *step);
    std::string why;
    if (looks_complete(folder, &why)) return folder;
    log::warn("skipping " + folder.string() + ": " + why);
  }
  return std::nullopt;
}

CheckpointBytes read_checkpoint_bytes(const fs::path& folder) {
  CheckpointBytes checkpoint;
  checkpoint.manifest = manifest_of(folder);
  if (std::string why; has_manifest(folder) && !looks_complete(folder, &why)) throw UserError(why);
  if (has_manifest(folder)) refuse_unlisted_files(folder, checkpoint.manifest);
  for (const ManifestEntry& entry : checkpoint.manifest.files) {
    checkpoint.files.push_back({entry.name, read_file(folder / entry.name, entry)});
    if (sha256_hex(*checkpoint.files.back().bytes) != entry.sha256)
      throw UserError((folder / entry.name).string() +
                      " is damaged: its SHA-256 is not the one in manifest.json");
  }
  return checkpoint;
}

void write_checkpoint_bytes(const CheckpointBytes& checkpoint, const fs::path& folder) {
  check_bytes(checkpoint);
  write_folder_atomically(folder, [&](const fs::path& partial) {
    for (const CheckpointFile& file : checkpoint.files) write_file_durably(partial / file.name, *file.bytes);
    write_file_durably(partial / kManifestName, manifest_to_json(checkpoint.manifest));
  });
}

void add_manifest(const fs::path& folder, const CheckpointIdentity& identity, int64_t step) {
  if (!identity.provenance.empty()) write_file_durably(folder / kProvenanceName, identity.provenance);
  write_file_durably(folder / kManifestName, manifest_to_json(make_manifest(folder, identity, step)));
}

}  // namespace rlhf
