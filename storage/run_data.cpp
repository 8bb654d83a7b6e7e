#include "storage/run_data.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <tuple>

#include <nlohmann/json.hpp>

#include "contract/data_hash.h"
#include "contract/error.h"
#include "storage/connection.h"

namespace rlhf {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::string text_or_empty(const SQLite::Column& column) {
  return column.isNull() ? std::string() : column.getString();
}

json files_to_json(const std::vector<DataFile>& files) {
  json list = json::array();
  for (const DataFile& file : files) list.push_back({{"path", file.path}, {"sha256", file.sha256}});
  return list;
}

std::vector<DataFile> files_from_json(const std::string& text) {
  std::vector<DataFile> files;
  for (const json& file : json::parse(text))
    files.push_back({file.value("path", ""), file.value("sha256", "")});
  return files;
}

std::string absolute_path(const Database& database) {
  return fs::absolute(database.path()).lexically_normal().string();
}

/// Asks of one record who made it and how it came into the ledger.
class OriginReader {
 public:
  OriginReader(SQLite::Database& db, RecordKind kind) : row_(db, query(kind)) {}

  /// `origin` is a record's own, "annotation 12": the row is the number in it.
  void count(const std::string& origin) {
    const int64_t id = std::stoll(origin.substr(origin.rfind(' ') + 1));
    bind_all(row_, id).executeStep();
    ++counts_[{text_or_empty(row_.getColumn(0)), text_or_empty(row_.getColumn(1)),
               text_or_empty(row_.getColumn(2)), text_or_empty(row_.getColumn(3)),
               text_or_empty(row_.getColumn(4))}];
    row_.reset();
  }

  std::vector<DataOrigin> origins() const {
    std::vector<DataOrigin> all;
    for (const auto& [key, records] : counts_)
      all.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), std::get<3>(key), std::get<4>(key),
                     records});
    std::stable_sort(all.begin(), all.end(),
                     [](const DataOrigin& a, const DataOrigin& b) { return a.records > b.records; });
    return all;
  }

 private:
  static std::string query(RecordKind kind) {
    if (kind == RecordKind::kPrompt)
      return "SELECT NULL, NULL, NULL, i.path, i.sha256 FROM prompts x LEFT JOIN imports i ON i.id = "
             "x.import_id "
             "WHERE x.id = ?";
    const bool labels = kind == RecordKind::kRanking;
    return std::string("SELECT n.handle, n.kind, ") + (labels ? "c.name" : "NULL") +
           ", i.path, i.sha256 FROM " + (labels ? "annotations" : "demonstrations") +
           " x LEFT JOIN annotators n ON n.id = x.annotator_id LEFT JOIN imports i ON i.id = x.import_id " +
           (labels ? "LEFT JOIN tasks t ON t.id = x.task_id LEFT JOIN campaigns c ON c.id = t.campaign_id "
                   : "") +
           "WHERE x.id = ?";
  }

  SQLite::Statement row_;
  std::map<std::tuple<std::string, std::string, std::string, std::string, std::string>, int64_t> counts_;
};

template <class Content>
RebuiltData rebuild(Database& database, const RunData& data) {
  OriginReader origins(database.connection().db, data.kind);
  std::vector<Content> contents;
  for_each_record(database, data.kind, data.selection, [&](ImportRecord&& record) {
    origins.count(record.origin);
    contents.push_back(std::get<Content>(std::move(record.content)));
  });
  return {static_cast<int64_t>(contents.size()), data_hash(contents), origins.origins()};
}

}  // namespace

const char* record_kind_name(RecordKind kind) {
  switch (kind) {
    case RecordKind::kRanking:
      return "rankings";
    case RecordKind::kDemonstration:
      return "demonstrations";
    case RecordKind::kPrompt:
      return "prompts";
    default:
      throw std::logic_error("no run trains on rated responses");
  }
}

RecordKind record_kind_named(const std::string& name) {
  if (name == "rankings") return RecordKind::kRanking;
  if (name == "demonstrations") return RecordKind::kDemonstration;
  if (name == "prompts") return RecordKind::kPrompt;
  throw UserError("\"" + name + "\" is no kind of training data");
}

void record_run_data(Database& database, int64_t run, const RunData& data) {
  Database::Connection& connection = database.connection();
  guarded(connection, [&] {
    const bool from_files = !data.files.empty();
    const bool from_here = data.ledger.empty() || data.ledger == absolute_path(database);
    const std::optional<std::string> ledger =
        from_files || from_here ? std::nullopt : std::optional(data.ledger);
    const json filter = {{"campaign", data.selection.campaign}, {"source", data.selection.source}};
    SQLite::Statement add(connection.db,
                          "INSERT INTO run_data(run_id, role, kind, files_json, ledger, split, filter_json, "
                          "through_tick, through_row, "
                          "records, sha256) VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
    WriteTransaction transaction(connection);
    execute(add, run, data.role, record_kind_name(data.kind), files_to_json(data.files).dump(), ledger,
            from_files ? std::string() : data.selection.split, filter.dump(),
            data.selection.through_tick.value_or(0), data.selection.through_row.value_or(0), data.records,
            data.sha256);
    transaction.commit();
  });
}

std::vector<RunData> run_data(Database& database, int64_t run) {
  return guarded(database.connection(), [&] {
    SQLite::Statement rows(
        database.connection().db,
        "SELECT role, kind, files_json, ledger, split, filter_json, through_tick, through_row, "
        "records, sha256 FROM run_data WHERE run_id = ? ORDER BY role DESC, kind");
    std::vector<RunData> all;
    bind_all(rows, run);
    while (rows.executeStep()) {
      RunData data;
      data.role = rows.getColumn(0).getString();
      data.kind = record_kind_named(rows.getColumn(1).getString());
      data.files = files_from_json(rows.getColumn(2).getString());
      data.ledger = text_or_empty(rows.getColumn(3));
      if (data.ledger.empty() && data.files.empty()) data.ledger = absolute_path(database);
      data.selection.split = rows.getColumn(4).getString();
      const json filter = json::parse(rows.getColumn(5).getString());
      data.selection.campaign = filter.value("campaign", "");
      data.selection.source = filter.value("source", "");
      data.selection.through_tick = rows.getColumn(6).getInt64();
      data.selection.through_row = rows.getColumn(7).getInt64();
      data.records = rows.getColumn(8).getInt64();
      data.sha256 = rows.getColumn(9).getString();
      all.push_back(data);
    }
    return all;
  });
}

RebuiltData rebuild_run_data(Database& database, const RunData& data) {
  return guarded(database.connection(), [&] {
    if (data.kind == RecordKind::kRanking) return rebuild<Ranking>(database, data);
    if (data.kind == RecordKind::kDemonstration) return rebuild<Demonstration>(database, data);
    return rebuild<Prompt>(database, data);
  });
}

}  // namespace rlhf
