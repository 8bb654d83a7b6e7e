#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "storage/run_data.h"

namespace rlhf {

/// A model that a run started from.
struct SourceModel {
  std::string role;  ///< "initial", "reference", "reward" or "critic"
  std::string model_hash;
  std::string path;  ///< where it was: a folder, or an address
  bool operator==(const SourceModel&) const = default;
};

/// What a checkpoint was made from, kept beside its weights as provenance.json. No part of the model hash:
/// equal weights are equal models, however they came about.
struct ModelProvenance {
  std::string stage;
  std::string run_id;  ///< RunFolder::run_id()
  std::string ledger;  ///< absolute path of the ledger that has the run; empty: none
  std::vector<SourceModel> models;
  std::vector<RunData> data;
};

inline constexpr char kProvenanceName[] = "provenance.json";

std::string provenance_to_json(const ModelProvenance& provenance);

/// `where` names the text in the UserError thrown when it is none.
ModelProvenance provenance_from_json(const std::string& text, const std::string& where);

/// The `data` of it alone, a JSON array.
std::string run_data_to_json(const std::vector<RunData>& data);
std::vector<RunData> run_data_from_json(const std::string& text, const std::string& where);

/// Of a checkpoint folder; nothing when it has none.
std::optional<ModelProvenance> read_provenance(const std::filesystem::path& folder);

}  // namespace rlhf
