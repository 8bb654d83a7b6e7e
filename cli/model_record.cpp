#include "cli/model_record.h"

#include <filesystem>

#include "rpc/model_address.h"
#include "storage/manifest.h"
#include "storage/provenance.h"

namespace rlhf {
namespace {

/// What the checkpoint says of itself: a folder's manifest.json, which a plain Hugging Face download does not
/// have.
CheckpointManifest own_manifest(const ModelFiles& files) {
  CheckpointManifest manifest = files.manifest();
  if (!files.has(kManifestName)) return manifest;
  CheckpointManifest said = manifest_from_json(files.read(kManifestName), files.where(kManifestName));
  return said.model_hash == manifest.model_hash ? said : manifest;  // changed since: then it is another model
}

/// "sft" of runs/sft/final, of runs/sft and of grpc://host:port/sft@3.
std::string name_in(const std::string& reference) {
  std::filesystem::path path = std::filesystem::path(reference).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  if (path.filename() == "final" && path.has_parent_path()) path = path.parent_path();
  const std::string name = path.filename().string();
  return is_model_address(reference) ? name.substr(0, name.find('@')) : name;
}

}  // namespace

ModelRecord model_record(const ModelFiles& files, const std::string& reference) {
  const CheckpointManifest manifest = own_manifest(files);
  ModelRecord record;
  record.model_hash = manifest.model_hash;
  record.name = name_in(reference);
  record.stage = manifest.stage;
  record.tokenizer_hash = manifest.tokenizer_hash;
  record.config_json = files.read("config.json");
  record.path = is_model_address(reference)
                    ? reference
                    : std::filesystem::absolute(reference).lexically_normal().string();
  if (files.has(kProvenanceName)) {
    const ModelProvenance made =
        provenance_from_json(files.read(kProvenanceName), files.where(kProvenanceName));
    for (const SourceModel& source : made.models) record.parents.push_back({source.role, source.model_hash});
  }
  return record;
}

}  // namespace rlhf
