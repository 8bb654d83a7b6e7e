#include "storage/annotation_rows.h"

#include <algorithm>

#include "contract/error.h"
#include "contract/sha256.h"
#include "storage/annotation_seal.h"
#include "storage/clock.h"
#include "storage/ledger_rows.h"

namespace rlhf {

AnnotationState annotation_state(SQLite::Database& db, int64_t annotator, int64_t annotation) {
  SQLite::Statement row(
      db,
      "SELECT a.annotator_id, a.task_id, t.campaign_id, a.prompt_id, a.status FROM annotations a "
      "JOIN tasks t ON t.id = a.task_id WHERE a.id = ?");
  if (!bind_all(row, annotation).executeStep() || row.getColumn(0).getInt64() != annotator)
    throw NoSuchAnnotation("annotation " + std::to_string(annotation) + " is not one of this annotator");
  return {annotation,
          row.getColumn(0).getInt64(),
          row.getColumn(1).getInt64(),
          row.getColumn(2).getInt64(),
          row.getColumn(3).getInt64(),
          row.getColumn(4).getString()};
}

AnnotationState standing_annotation(SQLite::Database& db, int64_t annotator, int64_t annotation) {
  AnnotationState state = annotation_state(db, annotator, annotation);
  if (state.status != "abandoned") return state;
  SQLite::Statement find(db,
                         "SELECT id FROM annotations WHERE task_id = ? AND annotator_id = ? "
                         "AND status IN ('draft', 'submitted', 'skipped', 'not_rankable')");
  if (const auto living = first_integer(find, state.task_id, annotator))
    return annotation_state(db, annotator, *living);
  return state;
}

AnnotationTask read_task(SQLite::Database& db, int64_t annotation) {
  SQLite::Statement head(
      db,
      "SELECT a.task_id, p.text, p.messages_json, a.note, a.confidence, c.blind FROM annotations a "
      "JOIN prompts p ON p.id = a.prompt_id JOIN tasks t ON t.id = a.task_id "
      "JOIN campaigns c ON c.id = t.campaign_id WHERE a.id = ?");
  bind_all(head, annotation).executeStep();
  AnnotationTask task;
  task.annotation_id = annotation;
  task.task_id = head.getColumn(0).getInt64();
  if (head.getColumn(1).isNull())
    task.prompt.messages = messages_from_json(head.getColumn(2).getString());
  else
    task.prompt.text = head.getColumn(1).getString();
  if (!head.getColumn(3).isNull()) task.note = head.getColumn(3).getString();
  if (!head.getColumn(4).isNull()) task.confidence = head.getColumn(4).getDouble();
  const bool blind = head.getColumn(5).getInt() != 0;
  SQLite::Statement items(
      db,
      "SELECT s.id, s.text, m.name, r.rank FROM ranks r JOIN responses s ON s.id = r.response_id "
      "LEFT JOIN models m ON m.id = s.model_id WHERE r.annotation_id = ? ORDER BY r.position");
  bind_all(items, annotation);
  while (items.executeStep()) {
    AnnotationTask::Item item{items.getColumn(0).getInt64(), items.getColumn(1).getString(), "", {}};
    if (!blind && !items.getColumn(2).isNull()) item.model = items.getColumn(2).getString();
    if (!items.getColumn(3).isNull()) item.rank = items.getColumn(3).getInt();
    task.items.push_back(std::move(item));
  }
  return task;
}

std::vector<int64_t> shuffled_items(SQLite::Database& db, int64_t task, int64_t annotator) {
  SQLite::Statement items(db,
                          "SELECT i.response_id, c.seed FROM task_items i JOIN tasks t ON t.id = i.task_id "
                          "JOIN campaigns c ON c.id = t.campaign_id WHERE i.task_id = ?");
  std::vector<std::pair<Sha256Digest, int64_t>> order;
  bind_all(items, task);
  while (items.executeStep()) {
    const int64_t response = items.getColumn(0).getInt64();
    const std::string draw = std::to_string(items.getColumn(1).getInt64()) + " " + std::to_string(task) +
                             " " + std::to_string(annotator) + " " + std::to_string(response);
    order.emplace_back(sha256_digest(draw), response);
  }
  std::sort(order.begin(), order.end());
  std::vector<int64_t> response_ids;
  for (const auto& item : order) response_ids.push_back(item.second);
  return response_ids;
}

int64_t add_draft(SQLite::Database& db, int64_t task, int64_t annotator,
                  const std::vector<int64_t>& response_ids) {
  SQLite::Statement add(
      db,
      "INSERT INTO annotations(prompt_id, task_id, annotator_id, status, started_ms, touched_ms) "
      "SELECT prompt_id, id, ?, 'draft', ?, ? FROM tasks WHERE id = ?");
  execute(add, annotator, now_ms(), now_ms(), task);
  const int64_t annotation = db.getLastInsertRowid();
  SQLite::Statement rank(db, "INSERT INTO ranks(annotation_id, response_id, position) VALUES (?,?,?)");
  for (std::size_t i = 0; i < response_ids.size(); ++i)
    execute(rank, annotation, response_ids[i], static_cast<int64_t>(i));
  return annotation;
}

void write_answer(SQLite::Database& db, const AnnotationTask& draft, const Answer& answer) {
  if (answer.ranks.size() != draft.items.size())
    throw UnfitRanks(std::to_string(answer.ranks.size()) + " ranks for " +
                     std::to_string(draft.items.size()) + " responses");
  SQLite::Statement rank(db, "UPDATE ranks SET rank = ? WHERE annotation_id = ? AND response_id = ?");
  for (std::size_t i = 0; i < answer.ranks.size(); ++i) {
    if (answer.ranks[i] && *answer.ranks[i] < 1) throw UnfitRanks("a rank is 1 or more");
    execute(rank, answer.ranks[i], draft.annotation_id, draft.items[i].response_id);
  }
  SQLite::Statement head(db, "UPDATE annotations SET note = ?, confidence = ?, touched_ms = ? WHERE id = ?");
  execute(head, TextOrNull{answer.note}, answer.confidence, now_ms(), draft.annotation_id);
}

void finish_draft(SQLite::Database& db, const AnnotationState& draft, const std::string& status,
                  const std::string& note) {
  SealedAnnotation said = SealReader(db).read(draft.id);
  if (!note.empty()) said.note = note;
  said.submitted_ms = now_ms();
  if (status == "submitted") said.submitted_tick = tick(db);
  SQLite::Statement finish(db,
                           "UPDATE annotations SET status = ?, note = ?, submitted_ms = ?, touched_ms = ?, "
                           "submitted_tick = ?, seal = ? WHERE id = ?");
  execute(finish, status, TextOrNull{said.note}, said.submitted_ms, said.submitted_ms, said.submitted_tick,
          said.seal(), draft.id);
  SQLite::Statement close(
      db,
      "UPDATE tasks SET status = 'closed' WHERE id = ?1 AND (SELECT COUNT(*) FROM annotations "
      "WHERE task_id = ?1 AND status IN ('submitted', 'not_rankable')) >= (SELECT overlap FROM "
      "campaigns WHERE id = ?2)");
  execute(close, draft.task_id, draft.campaign_id);
}

}  // namespace rlhf
