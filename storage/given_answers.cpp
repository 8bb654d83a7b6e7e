#include "storage/given_answers.h"

#include "contract/error.h"
#include "storage/connection.h"
#include "storage/ledger_rows.h"

namespace rlhf {

namespace {

/// The annotations of a selection as `a`, with their prompts as `p` and what `joined` adds, from where there
/// are fewest rows to touch, by index.
std::string from_selected(const AnswerSelection& selection, const std::string& joined = "") {
  const std::string rest = "CROSS JOIN prompts p ON p.id = a.prompt_id " + joined +
                           " WHERE a.status = 'submitted' AND (?1 = '' OR p.source = ?1) ";
  if (selection.shared_with != 0)
    return "FROM annotations mine CROSS JOIN tasks t ON t.id = mine.task_id "
           "CROSS JOIN annotations a ON a.task_id = t.id " +
           rest + "AND t.campaign_id = ?2 AND mine.annotator_id = ?3 AND mine.status = 'submitted' ";
  if (selection.campaign != 0)
    return "FROM tasks t CROSS JOIN annotations a ON a.task_id = t.id " + rest + "AND t.campaign_id = ?2 ";
  return "FROM annotations a " + rest;
}

void bind_selection(SQLite::Statement& statement, const AnswerSelection& selection) {
  bind_value(statement, 1, selection.source);
  if (selection.campaign != 0) bind_value(statement, 2, selection.campaign);
  if (selection.shared_with != 0) bind_value(statement, 3, selection.shared_with);
}

int64_t integer_or_0(const SQLite::Column& column) {
  return column.isNull() ? 0 : column.getInt64();
}

/// The rest of an answer, by its annotation.
class ItemReader {
 public:
  explicit ItemReader(SQLite::Database& db)
      : rows_(db,
              "SELECT response_id, position, rank FROM ranks WHERE annotation_id = ? AND rank IS NOT NULL "
              "ORDER BY response_id") {}

  std::vector<RankedAnswer::Item> read(int64_t annotation) {
    std::vector<RankedAnswer::Item> items;
    bind_all(rows_, annotation);
    while (rows_.executeStep())
      items.push_back(
          {rows_.getColumn(0).getInt64(), rows_.getColumn(1).getInt(), rows_.getColumn(2).getInt()});
    return items;
  }

 private:
  SQLite::Statement rows_;
};

RankedAnswer head_of(SQLite::Statement& row) {
  RankedAnswer answer;
  answer.annotation_id = row.getColumn(0).getInt64();
  answer.prompt_id = row.getColumn(1).getInt64();
  answer.task_id = integer_or_0(row.getColumn(2));
  answer.annotator_id = integer_or_0(row.getColumn(3));
  if (!row.getColumn(4).isNull()) answer.took_ms = row.getColumn(4).getInt64();
  return answer;
}

}  // namespace

void for_each_answer(Database& database, const AnswerSelection& selection,
                     const std::function<void(const RankedAnswer&)>& visit) {
  guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    const Snapshot snapshot(db);
    SQLite::Statement heads(
        db,
        "SELECT a.id, a.prompt_id, a.task_id, a.annotator_id, "
        "IIF(a.supersedes IS NULL AND (SELECT kind FROM annotators WHERE id = a.annotator_id) = "
        "'human', a.submitted_ms - a.started_ms, NULL) " +
            from_selected(selection) + "ORDER BY a.prompt_id, a.id");
    ItemReader items(db);
    bind_selection(heads, selection);
    while (heads.executeStep()) {
      RankedAnswer answer = head_of(heads);
      answer.items = items.read(answer.annotation_id);
      if (answer.items.size() >= 2) visit(answer);
    }
  });
}

void for_each_answered_prompt(Database& database, const AnswerSelection& selection,
                              const std::function<void(std::vector<RankedAnswer>&&)>& visit) {
  std::vector<RankedAnswer> of_prompt;
  const auto give = [&] {
    if (!of_prompt.empty()) visit(std::move(of_prompt));
    of_prompt.clear();
  };
  for_each_answer(database, selection, [&](const RankedAnswer& answer) {
    if (!of_prompt.empty() && of_prompt.front().prompt_id != answer.prompt_id) give();
    of_prompt.push_back(answer);
  });
  give();
}

void for_each_rating(Database& database, const AnswerSelection& selection,
                     const std::function<void(const RatedAspect&, const GivenRating&)>& visit) {
  guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    const Snapshot snapshot(db);
    SQLite::Statement rows(db,
                           "SELECT a.id, a.prompt_id, g.response_id, a.annotator_id, g.value, "
                           "COALESCE(p.source, ''), g.aspect " +
                               from_selected(selection, "CROSS JOIN ratings g ON g.annotation_id = a.id"));
    bind_selection(rows, selection);
    while (rows.executeStep()) {
      visit({rows.getColumn(5).getString(), rows.getColumn(6).getString()},
            {rows.getColumn(0).getInt64(), rows.getColumn(1).getInt64(), rows.getColumn(2).getInt64(),
             integer_or_0(rows.getColumn(3)), rows.getColumn(4).getDouble()});
    }
  });
}

std::map<int64_t, std::string> annotator_handles(Database& database) {
  return guarded(database.connection(), [&] {
    SQLite::Statement rows(database.connection().db, "SELECT id, handle FROM annotators");
    std::map<int64_t, std::string> handles;
    while (rows.executeStep()) handles[rows.getColumn(0).getInt64()] = rows.getColumn(1).getString();
    return handles;
  });
}

Prompt prompt_with_id(Database& database, int64_t prompt_id) {
  return guarded(database.connection(), [&]() -> Prompt {
    SQLite::Statement row(database.connection().db, "SELECT text, messages_json FROM prompts WHERE id = ?");
    if (!bind_all(row, prompt_id).executeStep())
      throw UserError("the ledger has no prompt " + std::to_string(prompt_id));
    if (row.getColumn(0).isNull()) return {{}, messages_from_json(row.getColumn(1).getString())};
    return {row.getColumn(0).getString(), {}};
  });
}

std::string response_text(Database& database, int64_t response_id) {
  return guarded(database.connection(), [&] {
    SQLite::Statement row(database.connection().db, "SELECT text FROM responses WHERE id = ?");
    if (!bind_all(row, response_id).executeStep())
      throw UserError("the ledger has no response " + std::to_string(response_id));
    return row.getColumn(0).getString();
  });
}

}  // namespace rlhf
