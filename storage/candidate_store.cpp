#include "storage/candidate_store.h"

#include "storage/connection.h"
#include "storage/ledger_rows.h"

namespace rlhf {
namespace {

/// Rows of (a number of the set, response, its text), those of a set together and each with its prompt in the
/// last three columns (prompt, text, messages).
std::vector<ResponseSet> read_sets(SQLite::Statement& rows, std::size_t most) {
  std::vector<ResponseSet> sets;
  int64_t last = -1;
  while (rows.executeStep()) {
    if (const int64_t set = rows.getColumn(0).getInt64(); sets.empty() || set != last) {
      last = set;
      const SQLite::Column text = rows.getColumn(4);
      sets.push_back({rows.getColumn(3).getInt64(), {}, {}, {}});
      if (text.isNull())
        sets.back().prompt.messages = messages_from_json(rows.getColumn(5).getString());
      else
        sets.back().prompt.text = text.getString();
    }
    if (sets.back().responses.size() == most) continue;
    sets.back().response_ids.push_back(rows.getColumn(1).getInt64());
    sets.back().responses.push_back(rows.getColumn(2).getString());
  }
  return sets;
}

}  // namespace

std::vector<ResponseSet> read_candidates(Database& database, const CandidateQuery& query) {
  return guarded(database.connection(), [&] {
    SQLite::Statement rows(database.connection().db, R"sql(
      SELECT s.prompt_id, MIN(s.id), s.text, p.id, p.text, p.messages_json
      FROM responses s JOIN prompts p ON p.id = s.prompt_id
      WHERE s.model_id IS NOT NULL AND s.seed IS NOT NULL AND (?1 = 'all' OR p.split = ?1)
        AND (?2 = '' OR s.model_id = (SELECT id FROM models WHERE model_hash = ?2))
        AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.campaign_id = ?3 AND t.prompt_id = s.prompt_id)
      GROUP BY s.prompt_id, s.text_sha256 ORDER BY s.prompt_id, MIN(s.id))sql");
    bind_all(rows, query.split, query.model_hash, query.campaign);
    const auto k = static_cast<std::size_t>(query.k);
    std::vector<ResponseSet> sets = read_sets(rows, k);
    std::erase_if(sets, [&](const ResponseSet& set) { return set.responses.size() < k; });
    return sets;
  });
}

std::vector<ResponseSet> read_task_sets(Database& database) {
  return guarded(database.connection(), [&] {
    SQLite::Statement rows(database.connection().db,
                           "SELECT t.id, s.id, s.text, p.id, p.text, p.messages_json FROM tasks t "
                           "JOIN prompts p ON p.id = t.prompt_id JOIN task_items i ON i.task_id = t.id "
                           "JOIN responses s ON s.id = i.response_id ORDER BY t.id, s.id");
    return read_sets(rows, static_cast<std::size_t>(-1));
  });
}

int64_t count_tasks(Database& database, int64_t campaign, const std::string& reason) {
  return guarded(database.connection(), [&] {
    SQLite::Statement count(database.connection().db,
                            "SELECT COUNT(*) FROM tasks WHERE campaign_id = ? AND reason = ?");
    return first_integer(count, campaign, reason).value_or(0);
  });
}

}  // namespace rlhf
