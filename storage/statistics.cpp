#include "storage/statistics.h"

#include "storage/connection.h"

namespace rlhf {

namespace {

std::string text_or_empty(const SQLite::Column& column) {
  return column.isNull() ? std::string() : column.getString();
}

int64_t count(SQLite::Database& db, const char* sql) {
  return db.execAndGet(sql).getInt64();
}

void count_by_split(SQLite::Database& db, const char* sql, LedgerStatistics& statistics,
                    int64_t SplitStatistics::*field) {
  SQLite::Statement rows(db, sql);
  while (rows.executeStep())
    statistics.splits[rows.getColumn(0).getString()].*field = rows.getColumn(1).getInt64();
}

/// From the rankings themselves, one pass: pairs and ties follow from the sizes of the groups of equal ranks.
constexpr char kRankings[] = R"sql(
  SELECT split, k, COUNT(*), SUM(k * (k - 1) / 2), SUM(tied) FROM (
    SELECT p.split AS split, SUM(g.n) AS k, SUM(g.n * (g.n - 1) / 2) AS tied
    FROM (SELECT annotation_id, rank, COUNT(*) AS n FROM ranks WHERE rank IS NOT NULL GROUP BY annotation_id, rank) g
    JOIN annotations a ON a.id = g.annotation_id AND a.status = 'submitted'
    JOIN prompts p ON p.id = a.prompt_id
    GROUP BY g.annotation_id HAVING k >= 2)
  GROUP BY split, k)sql";

void count_rankings(SQLite::Database& db, LedgerStatistics& statistics) {
  SQLite::Statement rows(db, kRankings);
  while (rows.executeStep()) {
    SplitStatistics& split = statistics.splits[rows.getColumn(0).getString()];
    const int64_t rankings = rows.getColumn(2).getInt64();
    statistics.rankings_by_size[rows.getColumn(1).getInt64()] += rankings;
    split.rankings += rankings;
    split.comparisons += rows.getColumn(3).getInt64();
    split.ties += rows.getColumn(4).getInt64();
  }
}

void count_positions(SQLite::Database& db, LedgerStatistics& statistics) {
  SQLite::Statement row(db,
                        "SELECT COUNT(*), COALESCE(SUM(w.position < l.position), 0) FROM annotations a "
                        "JOIN ranks w ON w.annotation_id = a.id JOIN ranks l ON l.annotation_id = a.id "
                        "WHERE a.task_id IS NOT NULL AND a.status = 'submitted' AND w.rank < l.rank");
  row.executeStep();
  statistics.pairs_shown = row.getColumn(0).getInt64();
  statistics.winners_shown_first = row.getColumn(1).getInt64();
}

void list_imports(SQLite::Database& db, LedgerStatistics& statistics) {
  SQLite::Statement rows(
      db,
      "SELECT path, format, license, imported, present, rejected, finished_ms FROM imports "
      "ORDER BY id");
  while (rows.executeStep())
    statistics.imports.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getString(),
                                  text_or_empty(rows.getColumn(2)), rows.getColumn(3).getInt64(),
                                  rows.getColumn(4).getInt64(), rows.getColumn(5).getInt64(),
                                  !rows.getColumn(6).isNull()});
}

void list_annotators(SQLite::Database& db, LedgerStatistics& statistics) {
  SQLite::Statement rows(
      db,
      "SELECT n.handle, n.kind, COALESCE(SUM(a.status = 'submitted'), 0), "
      "COALESCE(SUM(a.status = 'skipped'), 0), COALESCE(SUM(a.status = 'not_rankable'), 0), "
      "COALESCE(SUM(a.status = 'superseded'), 0) FROM annotators n "
      "LEFT JOIN annotations a ON a.annotator_id = n.id GROUP BY n.id ORDER BY n.handle");
  while (rows.executeStep())
    statistics.annotators.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getString(),
                                     rows.getColumn(2).getInt64(), rows.getColumn(3).getInt64(),
                                     rows.getColumn(4).getInt64(), rows.getColumn(5).getInt64()});
}

void list_models(SQLite::Database& db, LedgerStatistics& statistics) {
  SQLite::Statement rows(
      db,
      "SELECT m.name, m.model_hash, COUNT(*) FROM responses s JOIN models m ON m.id = s.model_id "
      "WHERE s.model_id IS NOT NULL GROUP BY m.id ORDER BY m.id");
  while (rows.executeStep())
    statistics.models.push_back(
        {rows.getColumn(0).getString(), text_or_empty(rows.getColumn(1)), rows.getColumn(2).getInt64()});
}

}  // namespace

LedgerStatistics ledger_statistics(Database& database) {
  return guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    LedgerStatistics statistics;
    for (const char* split : {"train", "valid", "test"}) statistics.splits[split];
    count_by_split(db, "SELECT split, COUNT(*) FROM prompts GROUP BY split", statistics,
                   &SplitStatistics::prompts);
    count_by_split(db, "SELECT split, COUNT(*) FROM demonstrations GROUP BY split", statistics,
                   &SplitStatistics::demonstrations);
    count_by_split(
        db, "SELECT p.split, COUNT(*) FROM responses s JOIN prompts p ON p.id = s.prompt_id GROUP BY 1",
        statistics, &SplitStatistics::responses);
    count_rankings(db, statistics);
    count_positions(db, statistics);
    statistics.near_duplicate_prompts = count(
        db, "SELECT COALESCE(SUM(n - 1), 0) FROM (SELECT COUNT(*) AS n FROM prompts GROUP BY norm_sha256)");
    list_imports(db, statistics);
    list_annotators(db, statistics);
    list_models(db, statistics);
    statistics.runs = count(db, "SELECT COUNT(*) FROM runs");
    statistics.trajectories = count(db, "SELECT COUNT(*) FROM trajectories");
    return statistics;
  });
}

}  // namespace rlhf
