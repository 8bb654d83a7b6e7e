#include "storage/ledger_statistics.h"

#include <map>

#include "storage/connection.h"

namespace rlhf {

namespace {

int64_t count(SQLite::Database& db, const std::string& what) {
  SQLite::Statement statement(db, "SELECT COUNT(*) FROM " + what);
  return first_integer(statement).value_or(0);
}

using Splits = std::map<std::string, LedgerStatistics::Split>;

void add_counts(SQLite::Database& db, const std::string& table, int64_t LedgerStatistics::Split::*member,
                Splits& into) {
  SQLite::Statement rows(db, "SELECT split, COUNT(*) FROM " + table + " GROUP BY split");
  while (rows.executeStep()) into[rows.getColumn(0).getString()].*member = rows.getColumn(1).getInt64();
}

/// Pairs are counted from the sizes of ranks, not from the pairs themselves: C(K,2), and C(n,2) of those for
/// each rank that n responses share.
void add_rankings(SQLite::Database& db, Splits& into) {
  SQLite::Statement rows(db,
                         "SELECT p.split, COUNT(*), SUM(k * (k - 1) / 2), SUM(ties) FROM ("
                         "  SELECT annotation_id, SUM(n) AS k, SUM(n * (n - 1) / 2) AS ties FROM ("
                         "    SELECT annotation_id, COUNT(*) AS n FROM ranks WHERE rank IS NOT NULL GROUP BY "
                         "annotation_id, rank)"
                         "  GROUP BY annotation_id) r "
                         "JOIN annotations a ON a.id = r.annotation_id JOIN prompts p ON p.id = a.prompt_id "
                         "WHERE a.status = 'submitted' AND k >= 2 GROUP BY p.split");
  while (rows.executeStep()) {
    LedgerStatistics::Split& split = into[rows.getColumn(0).getString()];
    split.rankings = rows.getColumn(1).getInt64();
    split.ties = rows.getColumn(3).getInt64();
    split.comparisons = rows.getColumn(2).getInt64() - split.ties;
  }
}

std::vector<LedgerStatistics::Split> read_splits(SQLite::Database& db) {
  Splits found;
  add_counts(db, "prompts", &LedgerStatistics::Split::prompts, found);
  add_counts(db, "demonstrations", &LedgerStatistics::Split::demonstrations, found);
  add_rankings(db, found);
  std::vector<LedgerStatistics::Split> splits;
  for (const char* name : {"train", "valid", "test"}) {
    splits.push_back(found[name]);
    splits.back().name = name;
  }
  return splits;
}

std::vector<LedgerStatistics::Annotator> read_annotators(SQLite::Database& db) {
  SQLite::Statement rows(
      db,
      "SELECT n.handle, n.kind, SUM(a.status IS 'submitted') AS submitted, SUM(a.status IS 'skipped'), "
      "SUM(a.status IS 'not_rankable') FROM annotators n LEFT JOIN annotations a ON a.annotator_id = n.id "
      "GROUP BY n.id ORDER BY submitted DESC, n.handle");
  std::vector<LedgerStatistics::Annotator> annotators;
  while (rows.executeStep()) {
    annotators.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getString(),
                          rows.getColumn(2).getInt64(), rows.getColumn(3).getInt64(),
                          rows.getColumn(4).getInt64()});
  }
  return annotators;
}

std::vector<LedgerStatistics::Import> read_imports(SQLite::Database& db) {
  SQLite::Statement rows(db,
                         "SELECT path, format, COALESCE(sha256, ''), imported, rejected, started_ms, "
                         "finished_ms IS NOT NULL FROM imports ORDER BY id");
  std::vector<LedgerStatistics::Import> imports;
  while (rows.executeStep()) {
    imports.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getString(),
                       rows.getColumn(2).getString(), rows.getColumn(3).getInt64(),
                       rows.getColumn(4).getInt64(), rows.getColumn(5).getInt64(),
                       rows.getColumn(6).getInt() != 0});
  }
  return imports;
}

}  // namespace

LedgerStatistics ledger_statistics(Database& database) {
  return guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    const SQLite::Transaction snapshot(db);
    LedgerStatistics statistics;
    statistics.schema_version = database.schema_version();
    statistics.splits = read_splits(db);
    statistics.annotators = read_annotators(db);
    statistics.imports = read_imports(db);
    statistics.responses = count(db, "responses");
    statistics.rated_responses = count(db,
                                       "annotations a WHERE a.status = 'submitted' AND (SELECT COUNT(*) FROM "
                                       "ranks r WHERE r.annotation_id = a.id) = 1");
    statistics.models = count(db, "models");
    statistics.campaigns = count(db, "campaigns");
    statistics.tasks = count(db, "tasks");
    statistics.runs = count(db, "runs");
    statistics.trajectories = count(db, "trajectories");
    return statistics;
  });
}

}  // namespace rlhf
