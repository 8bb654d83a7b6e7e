#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "contract/checkpoint.h"
#include "storage/manifest.h"

namespace rlhf {

/// The checkpoints of one run: output_dir/checkpoint-<step>/ and output_dir/final/, each whole or absent
/// whatever happens to the process or the machine. Use from one thread, under the lock of a RunFolder.
class CheckpointDirectory : public CheckpointSaver {
 public:
  /// `save_total_limit`: checkpoints kept, final/ not counted; 0 keeps all. Removes what a killed save left
  /// behind.
  CheckpointDirectory(std::filesystem::path output_dir, CheckpointIdentity identity,
                      int save_total_limit = 2);

  /// Writes checkpoint-<step>, replacing one that is there, then drops the lowest steps past the limit. Only
  /// folders whose manifest names this stage and their own step are ever dropped. `write_files` must throw
  /// when a write fails. Throws WorldError when the disk fails; every other checkpoint is then untouched.
  void save(int64_t step, const std::function<void(const std::filesystem::path&)>& write_files) override;

  /// Writes final/ likewise: the model that the run made. It may only hold what others shall load.
  void save_final(int64_t step, const std::function<void(const std::filesystem::path&)>& write_files);

  /// Drops this run's checkpoints past `step`: going on from an earlier one makes them another future.
  void truncate_after(int64_t step);

  std::filesystem::path checkpoint_path(int64_t step) const;
  std::filesystem::path final_path() const;

 private:
  std::vector<int64_t> own_steps() const;  // ascending

  std::filesystem::path output_dir_;
  CheckpointIdentity identity_;
  int save_total_limit_;
};

/// The checkpoint-<step> with the highest step among those whose files are all there (names and sizes;
/// verify() checks the hashes). Incomplete ones are skipped with a warning. Nothing when there is none.
std::optional<std::filesystem::path> latest_checkpoint(const std::filesystem::path& output_dir);

/// Reads a model folder whole, each file once, and checks it against its manifest as verify() does; a folder
/// without one gets the manifest of its model files. Throws UserError naming the file at fault.
CheckpointBytes read_checkpoint_bytes(const std::filesystem::path& folder);

/// Checks names, sizes and hashes first (WorldError: the bytes come from a peer), then makes `folder` appear
/// whole. Throws UserError when `folder` is there already and not empty.
void write_checkpoint_bytes(const CheckpointBytes& checkpoint, const std::filesystem::path& folder);

/// Completes a folder written by write_folder_atomically's callback: adds its manifest.json, and
/// provenance.json where the identity has one. For import and export.
void add_manifest(const std::filesystem::path& folder, const CheckpointIdentity& identity, int64_t step = 0);

}  // namespace rlhf
