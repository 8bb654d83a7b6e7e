#include "storage/run_store.h"

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "storage/clock.h"
#include "storage/connection.h"
#include "storage/model_rows.h"

namespace rlhf {

using nlohmann::json;

int64_t open_run(Database& database, const RunRecord& run) {
  Database::Connection& connection = database.connection();
  return guarded(connection, [&] {
    SQLite::Database& db = connection.db;
    WriteTransaction transaction(connection);
    SQLite::Statement add(db,
                          "INSERT INTO runs(uid, stage, output_dir, config_json, versions_json, data_hash, "
                          "started_ms) VALUES (?,?,?,?,?,?,?) ON CONFLICT(uid) DO UPDATE SET output_dir = "
                          "excluded.output_dir");
    execute(add, run.uid, run.stage, run.output_dir, run.configuration, json(run.versions).dump(),
            run.data_hash, now_ms());
    SQLite::Statement find(db, "SELECT id FROM runs WHERE uid = ?");
    const int64_t id = first_integer(find, run.uid).value();
    SQLite::Statement link(
        db, "INSERT INTO run_models(run_id, role, model_id) VALUES (?,?,?) ON CONFLICT DO NOTHING");
    for (const ModelParent& model : run.models)
      execute(link, id, model.role, model_row(db, model.model_hash));
    transaction.commit();
    return id;
  });
}

RunRecord read_run(Database& database, int64_t run) {
  return guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    SQLite::Statement row(
        db, "SELECT uid, stage, output_dir, config_json, versions_json, data_hash FROM runs WHERE id = ?");
    if (!bind_all(row, run).executeStep())
      throw UserError(database.path().string() + " has no run " + std::to_string(run));
    RunRecord record;
    record.uid = row.getColumn(0).getString();
    record.stage = row.getColumn(1).getString();
    record.output_dir = row.getColumn(2).getString();
    record.configuration = row.getColumn(3).getString();
    record.versions = json::parse(row.getColumn(4).getString()).get<std::map<std::string, std::string>>();
    record.data_hash = row.getColumn(5).getString();
    SQLite::Statement models(
        db,
        "SELECT x.role, m.model_hash FROM run_models x JOIN models m ON m.id = x.model_id "
        "WHERE x.run_id = ? AND x.role <> 'output' ORDER BY x.role, m.id");
    bind_all(models, run);
    while (models.executeStep())
      record.models.push_back({models.getColumn(0).getString(), models.getColumn(1).getString()});
    return record;
  });
}

std::optional<int64_t> find_run(Database& database, const std::string& uid) {
  return guarded(database.connection(), [&] {
    SQLite::Statement find(database.connection().db, "SELECT id FROM runs WHERE uid = ?");
    return first_integer(find, uid);
  });
}

void finish_run(Database& database, int64_t run, const ModelRecord& output) {
  Database::Connection& connection = database.connection();
  guarded(connection, [&] {
    SQLite::Statement link(
        connection.db,
        "INSERT INTO run_models(run_id, role, model_id) VALUES (?,'output',?) ON CONFLICT DO "
        "NOTHING");
    SQLite::Statement finish(connection.db,
                             "UPDATE runs SET finished_ms = COALESCE(finished_ms, ?) WHERE id = ?");
    WriteTransaction transaction(connection);
    execute(link, run, write_model(connection.db, output));
    execute(finish, now_ms(), run);
    transaction.commit();
  });
}

std::optional<int64_t> run_that_made(Database& database, const std::string& model_hash) {
  return guarded(database.connection(), [&] {
    SQLite::Statement find(database.connection().db,
                           "SELECT r.run_id FROM models m JOIN run_models r ON r.model_id = m.id AND "
                           "r.role = 'output' WHERE m.model_hash = ? ORDER BY r.run_id DESC");
    return first_integer(find, model_hash);
  });
}

class LedgerMetrics::Writer {
 public:
  Writer(Database::Connection& connection, int64_t run)
      : connection_(connection),
        run_(run),
        add_name_(connection.db, "INSERT INTO metric_names(name) VALUES (?) ON CONFLICT DO NOTHING"),
        find_name_(connection.db, "SELECT id FROM metric_names WHERE name = ?"),
        add_metric_(connection.db,
                    "INSERT INTO metrics(run_id, name_id, step, value) VALUES (?,?,?,?) "
                    "ON CONFLICT DO UPDATE SET value = excluded.value"),
        add_sample_(connection.db,
                    "INSERT INTO samples(run_id, step, prompt, response, score) VALUES (?,?,?,?,?)") {}

  Database::Connection& connection() { return connection_; }

  void write(int64_t step, const Metrics& metrics) {
    WriteTransaction transaction(connection_);
    for (const auto& [name, value] : metrics) execute(add_metric_, run_, name_id(name), step, value);
    for (const Sample& sample : samples_)
      execute(add_sample_, run_, sample.step, sample.prompt, sample.response, sample.score);
    transaction.commit();
    samples_.clear();
  }

  void add_sample(int64_t step, const std::string& prompt, const std::string& response, double score) {
    samples_.push_back({step, prompt, response, score});
  }

  void flush() {
    if (!samples_.empty()) write(0, {});
  }

  void truncate_after(int64_t step) {
    samples_.clear();
    WriteTransaction transaction(connection_);
    // Each name's steps are one range of the primary key.
    SQLite::Statement metrics(connection_.db,
                              "DELETE FROM metrics WHERE run_id = ? AND name_id IN "
                              "(SELECT id FROM metric_names) AND step > ?");
    SQLite::Statement samples(connection_.db, "DELETE FROM samples WHERE run_id = ? AND step > ?");
    execute(metrics, run_, step);
    execute(samples, run_, step);
    transaction.commit();
  }

 private:
  struct Sample {
    int64_t step;
    std::string prompt, response;
    double score;
  };

  int64_t name_id(const std::string& name) {
    if (const auto known = name_ids_.find(name); known != name_ids_.end()) return known->second;
    execute(add_name_, name);
    return name_ids_[name] = first_integer(find_name_, name).value();
  }

  Database::Connection& connection_;
  const int64_t run_;
  SQLite::Statement add_name_, find_name_, add_metric_, add_sample_;
  std::map<std::string, int64_t> name_ids_;
  std::vector<Sample> samples_;
};

LedgerMetrics::LedgerMetrics(Database& database, int64_t run) {
  guarded(database.connection(), [&] { writer_ = std::make_unique<Writer>(database.connection(), run); });
}

LedgerMetrics::~LedgerMetrics() = default;

void LedgerMetrics::log(int64_t step, const Metrics& metrics) {
  guarded(writer_->connection(), [&] { writer_->write(step, metrics); });
}

void LedgerMetrics::log_sample(int64_t step, const std::string& prompt, const std::string& response,
                               double score) {
  writer_->add_sample(step, prompt, response, score);
}

void LedgerMetrics::truncate_after(int64_t step) {
  guarded(writer_->connection(), [&] { writer_->truncate_after(step); });
}

void LedgerMetrics::flush() {
  guarded(writer_->connection(), [&] { writer_->flush(); });
}

}  // namespace rlhf
