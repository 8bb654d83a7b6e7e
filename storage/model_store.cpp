#include "storage/model_store.h"

#include <algorithm>

#include "contract/error.h"
#include "storage/clock.h"
#include "storage/connection.h"
#include "storage/model_rows.h"

namespace rlhf {

namespace {

std::string text_or_empty(const SQLite::Column& column) {
  return column.isNull() ? std::string() : column.getString();
}

}  // namespace

int64_t model_row(SQLite::Database& db, const std::string& model_hash) {
  SQLite::Statement add(
      db, "INSERT INTO models(model_hash, name, created_ms) VALUES (?,?,?) ON CONFLICT DO NOTHING");
  execute(add, model_hash, model_hash.substr(0, 12), now_ms());
  SQLite::Statement find(db, "SELECT id FROM models WHERE model_hash = ?");
  return first_integer(find, model_hash).value();
}

int64_t write_model(SQLite::Database& db, const ModelRecord& model) {
  if (model.model_hash.empty()) throw UserError("a model without a hash cannot be kept in the ledger");
  const int64_t id = model_row(db, model.model_hash);
  SQLite::Statement update(
      db,
      "UPDATE models SET name = COALESCE(?, name), stage = COALESCE(?, stage), "
      "tokenizer_hash = COALESCE(?, tokenizer_hash), config_json = COALESCE(?, config_json), "
      "path = COALESCE(?, path) WHERE id = ?");
  execute(update, TextOrNull{model.name}, TextOrNull{model.stage}, TextOrNull{model.tokenizer_hash},
          TextOrNull{model.config_json}, TextOrNull{model.path}, id);
  SQLite::Statement link(db,
                         "INSERT INTO model_parents(model_id, role, parent_id) VALUES (?,?,?) "
                         "ON CONFLICT DO NOTHING");
  for (const ModelParent& parent : model.parents)
    execute(link, id, parent.role, model_row(db, parent.model_hash));
  return id;
}

int64_t register_model(Database& database, const ModelRecord& model) {
  Database::Connection& connection = database.connection();
  return guarded(connection, [&] {
    WriteTransaction transaction(connection);
    const int64_t id = write_model(connection.db, model);
    transaction.commit();
    return id;
  });
}

std::optional<ModelRecord> find_model(Database& database, const std::string& model_hash) {
  return guarded(database.connection(), [&]() -> std::optional<ModelRecord> {
    SQLite::Database& db = database.connection().db;
    SQLite::Statement row(db,
                          "SELECT id, name, stage, tokenizer_hash, config_json, path FROM models "
                          "WHERE model_hash = ?");
    if (!bind_all(row, model_hash).executeStep()) return std::nullopt;
    ModelRecord model{model_hash,
                      text_or_empty(row.getColumn(1)),
                      text_or_empty(row.getColumn(2)),
                      text_or_empty(row.getColumn(3)),
                      text_or_empty(row.getColumn(4)),
                      text_or_empty(row.getColumn(5)),
                      {}};
    SQLite::Statement parents(db,
                              "SELECT x.role, m.model_hash FROM model_parents x JOIN models m "
                              "ON m.id = x.parent_id WHERE x.model_id = ? ORDER BY x.role, m.id");
    bind_all(parents, row.getColumn(0).getInt64());
    while (parents.executeStep())
      model.parents.push_back({parents.getColumn(0).getString(), parents.getColumn(1).getString()});
    return model;
  });
}

std::string model_with_prefix(Database& database, const std::string& prefix) {
  return guarded(database.connection(), [&] {
    const std::string where = database.path().string();
    if (prefix.empty() || prefix.find_first_not_of("0123456789abcdef") != std::string::npos)
      throw UserError(prefix + " is no model of " + where + ": give a model hash, or its first digits");
    SQLite::Statement find(
        database.connection().db,
        "SELECT model_hash FROM models WHERE model_hash >= ?1 AND model_hash < ?1 || 'g' LIMIT 2");
    bind_all(find, prefix);
    if (!find.executeStep()) throw UserError(where + " has no model with the hash " + prefix);
    const std::string hash = find.getColumn(0).getString();
    if (hash != prefix && find.executeStep())
      throw UserError(where + " has several models whose hash begins with " + prefix + ": give more digits");
    return hash;
  });
}

std::vector<ModelRecord> lineage(Database& database, const std::string& model_hash) {
  std::vector<std::string> hashes{model_hash};
  std::vector<ModelRecord> models;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::optional<ModelRecord> model = find_model(database, hashes[i]);
    if (!model) throw UserError("the ledger has no model with the hash " + hashes[i]);
    for (const ModelParent& parent : model->parents)
      if (std::find(hashes.begin(), hashes.end(), parent.model_hash) == hashes.end())
        hashes.push_back(parent.model_hash);
    models.push_back(*std::move(model));
  }
  return models;
}

}  // namespace rlhf
