#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "contract/checkpoint.h"

namespace rlhf {

/// What a checkpoint says of itself beyond its files.
struct CheckpointIdentity {
  std::string stage;                 ///< "pretrain", "sft", "reward", "ppo", "import"
  std::string tokenizer_hash;        ///< over the tokenizer's content; empty where there is none
  std::vector<std::string> parents;  ///< model hashes this one was trained from
  std::string provenance = {};  ///< text of provenance.json (storage/provenance.h); empty: none is written
};

/// Hashes every file of `folder` and describes it. Throws std::logic_error when the folder has subfolders,
/// hidden files or links: checkpoints are flat.
CheckpointManifest make_manifest(const std::filesystem::path& folder, const CheckpointIdentity& identity,
                                 int64_t step);

/// The text of manifest.json, and back. `where` names the text in the UserError thrown when it is not a
/// manifest.
std::string manifest_to_json(const CheckpointManifest& manifest);
CheckpointManifest manifest_from_json(const std::string& text, const std::string& where);

bool has_manifest(const std::filesystem::path& folder);

/// Reads folder/manifest.json. Throws UserError when it is absent or not a manifest.
CheckpointManifest read_manifest(const std::filesystem::path& folder);

/// The manifest of any model folder without reading its weights twice: manifest.json where there is one; for
/// a plain Hugging Face download a manifest made by hashing its model files (is_model_file), with no stage
/// and step 0. Throws UserError when the folder is absent or holds no model.
CheckpointManifest manifest_of(const std::filesystem::path& folder);

/// Checks that every file of the manifest is there with its size and SHA-256, that no other file is, and that
/// model_hash follows from them. Hidden files are not looked at. Throws UserError naming the file. Returns
/// the manifest. A folder without a manifest has nothing to be checked against and passes.
CheckpointManifest verify(const std::filesystem::path& folder);

/// UserError naming a file beside the manifest's that it does not list.
void refuse_unlisted_files(const std::filesystem::path& folder, const CheckpointManifest& manifest);

/// Whether every file of the manifest is there with its size; others beside them do not matter. False, with
/// the reason in `why`, instead of an exception.
bool looks_complete(const std::filesystem::path& folder, std::string* why = nullptr);

}  // namespace rlhf
