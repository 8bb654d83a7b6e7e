#pragma once
#include <optional>
#include <string>
#include <vector>

#include "storage/provenance.h"
#include "storage/run_data.h"

namespace rlhf {

/// The model whose origin is asked for.
struct ExplainRequest {
  std::string model_hash;
  std::string path;  ///< folder or address it was named by; empty when it is known by its hash alone
  std::optional<ModelProvenance> provenance;  ///< what the checkpoint says of itself
  std::string db;                             ///< ledger to ask; empty: those the checkpoints name
};

/// One part of a model's data, looked at again.
struct ExplainedData {
  RunData data;
  bool checked = false;             ///< what is there now has the hash that was recorded
  std::string fault;                ///< why not
  std::vector<DataOrigin> origins;  ///< of data from a ledger, most records first
};

struct ExplainedModel {
  std::string model_hash, name, stage, path;
  std::string run_id, output_dir, ledger;  ///< of the run that made it; empty: not known
  std::vector<SourceModel> sources;        ///< what it was made from
  std::vector<ExplainedData> data;         ///< what that run read
  bool checked = false;                    ///< its files are at `path` and have their hashes
  std::string fault;                       ///< why not
};

/// The model, what it was made from, what that was made from, and so on, each once: its runs from the ledger,
/// or from provenance.json of the checkpoints where no ledger knows them. Data is read again and hashed,
/// model files too. What cannot be found is said in `fault`, not thrown. Throws UserError when `db` cannot be
/// opened.
std::vector<ExplainedModel> explain_model(const ExplainRequest& request);

/// One JSON object, for programs.
std::string explanation_json(const std::vector<ExplainedModel>& models);

/// The same for people.
std::string explanation_text(const std::vector<ExplainedModel>& models);

}  // namespace rlhf
