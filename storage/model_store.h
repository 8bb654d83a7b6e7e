#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/database.h"

namespace rlhf {

struct ModelParent {
  std::string role;  ///< "initial", "reference", "reward" or "critic"
  std::string model_hash;
  bool operator==(const ModelParent&) const = default;
};

/// A model the ledger knows. Empty text is not known.
struct ModelRecord {
  std::string model_hash;  ///< as in its manifest
  std::string name;
  std::string stage;
  std::string tokenizer_hash;
  std::string config_json;
  std::string path;  ///< where it was last seen
  std::vector<ModelParent> parents;
  bool operator==(const ModelRecord&) const = default;
};

/// Adds the model, or adds what was not known of it (path and name are replaced). A parent that the ledger
/// has never seen is added by its hash alone. Returns the row.
int64_t register_model(Database& database, const ModelRecord& model);

std::optional<ModelRecord> find_model(Database& database, const std::string& model_hash);

/// The hash of the one model whose hash begins so. UserError when there is none, or several.
std::string model_with_prefix(Database& database, const std::string& prefix);

/// The model and everything it was made from, itself first, each once. Throws UserError when it is not known.
std::vector<ModelRecord> lineage(Database& database, const std::string& model_hash);

}  // namespace rlhf
