#pragma once
#include <string>

#include "model/model_files.h"
#include "storage/model_store.h"

namespace rlhf {

/// What the ledger is to know of a model named by `reference`, a folder or an address: what the checkpoint
/// says of itself, its own parents included.
ModelRecord model_record(const ModelFiles& files, const std::string& reference);

}  // namespace rlhf
