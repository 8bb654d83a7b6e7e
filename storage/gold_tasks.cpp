#include "storage/gold_tasks.h"

#include <nlohmann/json.hpp>

#include "storage/connection.h"
#include "storage/ledger_rows.h"

namespace rlhf {

namespace {

KnownRanks known_ranks_of(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  KnownRanks known;
  for (const auto& [response, rank] : json.items()) known[std::stoll(response)] = rank.get<int>();
  return known;
}

/// Finds and marks the tasks of one campaign.
class GoldMarker {
 public:
  GoldMarker(SQLite::Database& db, int64_t campaign)
      : campaign_(campaign),
        rows_(db),
        tasks_(db, "SELECT id FROM tasks WHERE campaign_id = ? AND prompt_id = ?"),
        items_(db,
               "SELECT s.id, s.text FROM task_items i JOIN responses s ON s.id = i.response_id WHERE "
               "i.task_id = ?"),
        mark_(db, "UPDATE tasks SET gold_json = ? WHERE id = ?") {}

  void mark(int64_t task, const KnownRanks& known) {
    const std::string json = known_ranks_json(known);
    execute(mark_, json, task);
  }

  /// Whether there is a task that the ranking answers.
  bool mark_task_of(const Ranking& ranking) {
    const auto prompt = rows_.find_prompt(PromptKey(ranking.prompt).canon);
    if (!prompt) return false;
    bool found = false;
    for (const int64_t task : tasks_about(*prompt)) {
      const KnownRanks known = ranks_for(task, ranking);
      if (known.empty()) continue;
      mark(task, known);
      found = true;
    }
    return found;
  }

 private:
  std::vector<int64_t> tasks_about(int64_t prompt) {
    std::vector<int64_t> tasks;
    bind_all(tasks_, campaign_, prompt);
    while (tasks_.executeStep()) tasks.push_back(tasks_.getColumn(0).getInt64());
    return tasks;
  }

  /// The ranking's ranks for the task's responses; none when the texts are not the same.
  KnownRanks ranks_for(int64_t task, const Ranking& ranking) {
    std::map<std::string, int> by_text;
    for (std::size_t i = 0; i < ranking.responses.size(); ++i)
      by_text[ranking.responses[i]] = ranking.ranks[i];
    KnownRanks known;
    bind_all(items_, task);
    while (items_.executeStep()) {
      const auto at = by_text.find(items_.getColumn(1).getString());
      if (at == by_text.end()) return {};
      known[items_.getColumn(0).getInt64()] = at->second;
    }
    return known.size() == ranking.responses.size() ? known : KnownRanks();
  }

  int64_t campaign_;
  LedgerRows rows_;
  SQLite::Statement tasks_, items_, mark_;
};

/// The annotator's submitted answers in the campaign, by task.
std::map<int64_t, KnownRanks> answers_by_task(SQLite::Database& db, int64_t campaign, int64_t annotator) {
  SQLite::Statement rows(
      db,
      "SELECT a.task_id, r.response_id, r.rank FROM annotations a JOIN tasks t ON t.id = a.task_id "
      "JOIN ranks r ON r.annotation_id = a.id WHERE a.annotator_id = ? AND a.status = 'submitted' "
      "AND t.campaign_id = ?");
  std::map<int64_t, KnownRanks> answers;
  bind_all(rows, annotator, campaign);
  while (rows.executeStep())
    answers[rows.getColumn(0).getInt64()][rows.getColumn(1).getInt64()] = rows.getColumn(2).getInt();
  return answers;
}

}  // namespace

std::string known_ranks_json(const KnownRanks& known) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [response, rank] : known) json[std::to_string(response)] = rank;
  return json.dump();
}

std::map<int64_t, KnownRanks> gold_tasks(Database& database, int64_t campaign) {
  return guarded(database.connection(), [&] {
    SQLite::Statement rows(database.connection().db,
                           "SELECT t.id, t.gold_json FROM campaigns c JOIN tasks t ON t.campaign_id = c.id "
                           "WHERE t.gold_json IS NOT NULL AND (?1 = 0 OR c.id = ?1)");
    std::map<int64_t, KnownRanks> tasks;
    bind_all(rows, campaign);
    while (rows.executeStep())
      tasks[rows.getColumn(0).getInt64()] = known_ranks_of(rows.getColumn(1).getString());
    return tasks;
  });
}

int64_t gold_from_annotator(Database& database, int64_t campaign, int64_t annotator) {
  return guarded(database.connection(), [&] {
    WriteTransaction transaction(database.connection());
    GoldMarker marker(database.connection().db, campaign);
    const auto answers = answers_by_task(database.connection().db, campaign, annotator);
    for (const auto& [task, known] : answers) marker.mark(task, known);
    transaction.commit();
    return static_cast<int64_t>(answers.size());
  });
}

GoldCounts gold_from_rankings(Database& database, int64_t campaign, const std::vector<Ranking>& rankings) {
  return guarded(database.connection(), [&] {
    WriteTransaction transaction(database.connection());
    GoldMarker marker(database.connection().db, campaign);
    GoldCounts counts;
    for (const Ranking& ranking : rankings) ++(marker.mark_task_of(ranking) ? counts.tasks : counts.no_task);
    transaction.commit();
    return counts;
  });
}

}  // namespace rlhf
