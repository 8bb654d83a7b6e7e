#pragma once
#include <cstdint>
#include <string>

#include "storage/connection.h"
#include "storage/model_store.h"

// For .cpp files of storage/ only; call inside a WriteTransaction.

namespace rlhf {

/// The row of a model by its hash, added when it is new.
int64_t model_row(SQLite::Database& db, const std::string& model_hash);

/// register_model without the transaction.
int64_t write_model(SQLite::Database& db, const ModelRecord& model);

}  // namespace rlhf
