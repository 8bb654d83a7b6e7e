#include "storage/annotation_store.h"

#include <algorithm>
#include <set>

#include "contract/error.h"
#include "contract/sha256.h"
#include "storage/annotation_rows.h"
#include "storage/clock.h"
#include "storage/connection.h"
#include "storage/gold_tasks.h"
#include "storage/ledger_rows.h"

namespace rlhf {

namespace {

constexpr char kCampaignColumns[] =
    "SELECT id, name, guidelines, k, overlap, blind, seed, status FROM campaigns ";

Campaign campaign_of(SQLite::Statement& row) {
  return {row.getColumn(0).getInt64(),
          row.getColumn(1).getString(),
          row.getColumn(2).getString(),
          row.getColumn(3).getInt(),
          row.getColumn(4).getInt(),
          row.getColumn(5).getInt() != 0,
          static_cast<uint64_t>(row.getColumn(6).getInt64()),
          row.getColumn(7).getString() == std::string("open")};
}

std::optional<Campaign> campaign_named(SQLite::Database& db, const std::string& name) {
  SQLite::Statement find(db, std::string(kCampaignColumns) + "WHERE name = ?");
  if (!bind_all(find, name).executeStep()) return std::nullopt;
  return campaign_of(find);
}

void check_task(SQLite::Database& db, const TaskSpec& task) {
  if (task.response_ids.size() < 2) throw UserError("a task needs two responses or more");
  if (!task.gold_ranks.empty() && task.gold_ranks.size() != task.response_ids.size())
    throw UserError("a task's known ranks are one a response");
  SQLite::Statement find(db, "SELECT prompt_id FROM responses WHERE id = ?");
  for (const int64_t response : task.response_ids)
    if (first_integer(find, response) != task.prompt_id)
      throw UserError("response " + std::to_string(response) + " is not one to prompt " +
                      std::to_string(task.prompt_id));
}

std::string gold_json(const TaskSpec& task) {
  if (task.gold_ranks.empty()) return "";
  KnownRanks known;
  for (std::size_t i = 0; i < task.gold_ranks.size(); ++i) known[task.response_ids[i]] = task.gold_ranks[i];
  return known_ranks_json(known);
}

Sha256Digest items_hash(std::vector<int64_t> response_ids) {
  std::sort(response_ids.begin(), response_ids.end());
  std::string text;
  for (const int64_t id : response_ids) text += std::to_string(id) + " ";
  return sha256_digest(text);
}

void check_submittable(const Answer& answer) {
  std::set<int> distinct;
  for (const std::optional<int>& rank : answer.ranks) {
    if (!rank) throw UnfitRanks("every response needs a rank");
    distinct.insert(*rank);
  }
  int expected = 1;
  for (const int rank : distinct)
    if (rank != expected++)
      throw UnfitRanks("ranks must be dense: 1 is best, equal is a tie, none is left out");
}

bool same_answer(const AnnotationTask& given, const Answer& answer) {
  return std::equal(
      given.items.begin(), given.items.end(), answer.ranks.begin(), answer.ranks.end(),
      [](const AnnotationTask::Item& item, const std::optional<int>& rank) { return item.rank == rank; });
}

/// A draft that may still be written. One that was given to somebody else meanwhile is begun anew, as it was.
AnnotationState living_draft(SQLite::Database& db, AnnotationState state) {
  if (state.status == "draft") return state;
  if (state.status != "abandoned")
    throw UserError("annotation " + std::to_string(state.id) + " is " + state.status +
                    " already; take it back before answering again");
  const int64_t abandoned = state.id;
  std::vector<int64_t> order;
  for (const AnnotationTask::Item& item : read_task(db, abandoned).items) order.push_back(item.response_id);
  state.id = add_draft(db, state.task_id, state.annotator_id, order);
  SQLite::Statement link(db, "UPDATE annotations SET supersedes = ? WHERE id = ?");
  execute(link, abandoned, state.id);
  state.status = "draft";
  return state;
}

/// Gives a draft its end, unless it has it already.
void end_draft(SQLite::Database& db, const AnnotationState& state, const std::string& status,
               const std::string& note) {
  if (state.status != status) finish_draft(db, living_draft(db, state), status, note);
}

/// The id of a draft the annotator holds in the campaign.
std::optional<int64_t> draft_in_hand(SQLite::Database& db, int64_t campaign, int64_t annotator) {
  SQLite::Statement find(
      db,
      "SELECT a.id FROM annotations a JOIN tasks t ON t.id = a.task_id WHERE a.annotator_id = ? "
      "AND a.status = 'draft' AND t.campaign_id = ? ORDER BY a.id DESC LIMIT 1");
  return first_integer(find, annotator, campaign);
}

/// Puts a draft with nothing entered back on the pile.
void lay_aside_if_empty(SQLite::Database& db, int64_t draft) {
  SQLite::Statement lay_aside(
      db,
      "UPDATE annotations SET status = 'abandoned' WHERE id = ?1 AND note IS NULL AND "
      "NOT EXISTS (SELECT 1 FROM ranks WHERE annotation_id = ?1 AND rank IS NOT NULL)");
  execute(lay_aside, draft);
}

std::optional<int64_t> find_last_answer(SQLite::Database& db, int64_t campaign, int64_t annotator) {
  SQLite::Statement last(
      db,
      "SELECT a.id FROM annotations a JOIN tasks t ON t.id = a.task_id WHERE a.annotator_id = ? "
      "AND t.campaign_id = ? AND a.status IN ('submitted', 'skipped', 'not_rankable') "
      "ORDER BY a.submitted_ms DESC, a.id DESC LIMIT 1");
  return first_integer(last, annotator, campaign);
}

/// The draft that took the place of an answer taken back.
std::optional<AnnotationTask> draft_after(SQLite::Database& db, int64_t annotator, int64_t answer) {
  SQLite::Statement find(
      db, "SELECT id FROM annotations WHERE supersedes = ? AND annotator_id = ? AND status = 'draft'");
  const auto draft = first_integer(find, answer, annotator);
  if (!draft) return std::nullopt;
  return read_task(db, *draft);
}

/// A new draft in the place of the answer `state`, with the same order, ranks and note.
int64_t supersede_by_draft(SQLite::Database& db, const AnnotationState& state) {
  const AnnotationTask before = read_task(db, state.id);
  const std::optional<int64_t> until = state.status == "submitted" ? std::optional(tick(db)) : std::nullopt;
  SQLite::Statement supersede(
      db, "UPDATE annotations SET status = 'superseded', superseded_tick = ? WHERE id = ?");
  execute(supersede, until, state.id);
  // A check may have answers enough without this one.
  SQLite::Statement reopen(
      db,
      "UPDATE tasks SET status = 'open' WHERE id = ?1 AND (SELECT COUNT(*) FROM annotations "
      "WHERE task_id = ?1 AND status IN ('submitted', 'not_rankable')) < (SELECT overlap FROM "
      "campaigns WHERE id = ?2)");
  execute(reopen, state.task_id, state.campaign_id);
  std::vector<int64_t> order;
  Answer answer{{}, before.note, before.confidence};
  for (const AnnotationTask::Item& item : before.items) {
    order.push_back(item.response_id);
    answer.ranks.push_back(item.rank);
  }
  const int64_t draft = add_draft(db, state.task_id, state.annotator_id, order);
  SQLite::Statement link(db, "UPDATE annotations SET supersedes = ? WHERE id = ?");
  execute(link, state.id, draft);
  write_answer(db, read_task(db, draft), answer);
  return draft;
}

/// Whether the task of a skipped answer still wants one. Drafts last touched before `expired_before` do not
/// count.
bool has_room(SQLite::Database& db, const AnnotationState& skipped, int64_t expired_before) {
  SQLite::Statement room(
      db,
      "SELECT overlap > (SELECT COUNT(*) FROM annotations WHERE task_id = ?1 AND (status IN "
      "('submitted', 'not_rankable') OR (status = 'draft' AND touched_ms >= ?2))) "
      "OR EXISTS (SELECT 1 FROM tasks WHERE id = ?1 AND gold_json IS NOT NULL) FROM campaigns WHERE id = ?3");
  return first_integer(room, skipped.task_id, expired_before, skipped.campaign_id) == 1;
}

/// The open tasks in which there is room, and the checks, which everybody is given: of those the annotator
/// has not seen, the first.
constexpr char kNextTask[] = R"sql(
  SELECT id FROM (
    SELECT * FROM (
      SELECT t.id, t.priority FROM tasks t JOIN campaigns c ON c.id = t.campaign_id
      WHERE t.campaign_id = ?1 AND t.status = 'open' AND c.status = 'open'
        AND NOT EXISTS (SELECT 1 FROM annotations a WHERE a.task_id = t.id AND a.annotator_id = ?2
                        AND a.status IN ('draft', 'submitted', 'skipped', 'not_rankable'))
        AND (SELECT COUNT(*) FROM annotations a WHERE a.task_id = t.id
             AND (a.status IN ('submitted', 'not_rankable') OR (a.status = 'draft' AND a.touched_ms >= ?3))) < c.overlap
      ORDER BY t.priority DESC, t.id LIMIT 1)
    UNION ALL
    SELECT * FROM (
      SELECT t.id, t.priority FROM tasks t JOIN campaigns c ON c.id = t.campaign_id
      WHERE t.campaign_id = ?1 AND t.gold_json IS NOT NULL AND c.status = 'open'
        AND NOT EXISTS (SELECT 1 FROM annotations a WHERE a.task_id = t.id AND a.annotator_id = ?2
                        AND a.status IN ('draft', 'submitted', 'skipped', 'not_rankable'))
      ORDER BY t.priority DESC, t.id LIMIT 1))
  ORDER BY priority DESC, id LIMIT 1)sql";

}  // namespace

AnnotationStore::AnnotationStore(Database& database, int64_t draft_expiry_ms)
    : database_(database), draft_expiry_ms_(draft_expiry_ms) {}

/// Runs `work` as one transaction, or as part of the one that is open.
template <class Work>
auto AnnotationStore::transact(Work&& work) {
  Database::Connection& connection = database_.connection();
  return guarded(connection, [&] {
    if (in_transaction_) return work(connection.db);
    WriteTransaction transaction(connection);
    auto result = work(connection.db);
    transaction.commit();
    return result;
  });
}

void AnnotationStore::in_one_transaction(const std::function<void()>& work) {
  transact([&](SQLite::Database&) {
    in_transaction_ = true;
    try {
      work();
    } catch (...) {
      in_transaction_ = false;
      throw;
    }
    in_transaction_ = false;
    return true;
  });
}

Campaign AnnotationStore::open_campaign(const Campaign& campaign) {
  if (campaign.name.empty()) throw UserError("a campaign needs a name");
  if (campaign.k < 2) throw UserError("a campaign ranks two responses or more");
  if (campaign.overlap < 1) throw UserError("a campaign's overlap is 1 or more");
  return transact([&](SQLite::Database& db) {
    if (const std::optional<Campaign> there = campaign_named(db, campaign.name)) {
      if (there->k != campaign.k || there->overlap != campaign.overlap || there->blind != campaign.blind ||
          there->seed != campaign.seed)
        throw UserError("campaign \"" + campaign.name + "\" exists with k " + std::to_string(there->k) +
                        ", overlap " + std::to_string(there->overlap) + ", seed " +
                        std::to_string(there->seed) + "; give these or another name");
      return *there;
    }
    SQLite::Statement add(
        db,
        "INSERT INTO campaigns(name, guidelines, guidelines_sha256, k, overlap, blind, seed, "
        "created_ms) VALUES (?,?,?,?,?,?,?,?)");
    execute(add, campaign.name, campaign.guidelines, sha256_hex(campaign.guidelines), campaign.k,
            campaign.overlap, campaign.blind ? 1 : 0, static_cast<int64_t>(campaign.seed), now_ms());
    return *campaign_named(db, campaign.name);
  });
}

std::optional<Campaign> AnnotationStore::find_campaign(const std::string& name) {
  return guarded(database_.connection(), [&] { return campaign_named(database_.connection().db, name); });
}

std::vector<Campaign> AnnotationStore::campaigns() {
  return guarded(database_.connection(), [&] {
    SQLite::Statement rows(database_.connection().db, std::string(kCampaignColumns) + "ORDER BY id");
    std::vector<Campaign> all;
    while (rows.executeStep()) all.push_back(campaign_of(rows));
    return all;
  });
}

void AnnotationStore::close_campaign(int64_t campaign) {
  transact([&](SQLite::Database& db) {
    SQLite::Statement close(db, "UPDATE campaigns SET status = 'closed' WHERE id = ?");
    return execute(close, campaign);
  });
}

int64_t AnnotationStore::add_tasks(int64_t campaign, const std::vector<TaskSpec>& tasks) {
  return transact([&](SQLite::Database& db) {
    SQLite::Statement add(
        db,
        "INSERT INTO tasks(campaign_id, prompt_id, items_sha256, priority, reason, gold_json, "
        "created_ms) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING");
    SQLite::Statement item(db, "INSERT INTO task_items(task_id, response_id) VALUES (?,?)");
    int64_t added = 0;
    for (const TaskSpec& task : tasks) {
      check_task(db, task);
      const std::string gold = gold_json(task);
      if (execute(add, campaign, task.prompt_id, items_hash(task.response_ids), task.priority,
                  TextOrNull{task.reason}, TextOrNull{gold}, now_ms()) == 0)
        continue;
      const int64_t id = db.getLastInsertRowid();
      for (const int64_t response : task.response_ids) execute(item, id, response);
      ++added;
    }
    return added;
  });
}

bool AnnotationStore::has_chosen_tasks(int64_t campaign) {
  return guarded(database_.connection(), [&] {
    SQLite::Statement find(
        database_.connection().db,
        "SELECT 1 FROM tasks WHERE campaign_id = ? AND reason <> 'sampled' AND gold_json IS NULL");
    return first_integer(find, campaign).has_value();
  });
}

std::vector<TaskSpec> AnnotationStore::tasks_from_samples(const Campaign& campaign, const std::string& split,
                                                          const std::string& model_hash) {
  return guarded(database_.connection(), [&] {
    SQLite::Statement rows(database_.connection().db, R"sql(
      SELECT s.prompt_id, MIN(s.id) FROM responses s JOIN prompts p ON p.id = s.prompt_id
      WHERE s.model_id IS NOT NULL AND (?1 = 'all' OR p.split = ?1)
        AND (?2 = '' OR s.model_id = (SELECT id FROM models WHERE model_hash = ?2))
        AND NOT EXISTS (SELECT 1 FROM tasks t JOIN task_items i ON i.task_id = t.id
                        WHERE t.campaign_id = ?3 AND t.prompt_id = s.prompt_id AND i.response_id = s.id)
      GROUP BY s.prompt_id, s.text_sha256 ORDER BY s.prompt_id, MIN(s.id))sql");
    bind_all(rows, split, model_hash, campaign.id);
    std::vector<TaskSpec> tasks;
    const auto k = static_cast<std::size_t>(campaign.k);
    const auto drop_incomplete = [&] {
      if (!tasks.empty() && tasks.back().response_ids.size() < k) tasks.pop_back();
    };
    while (rows.executeStep()) {
      const int64_t prompt_id = rows.getColumn(0).getInt64();
      if (tasks.empty() || tasks.back().prompt_id != prompt_id) {
        drop_incomplete();
        tasks.push_back({prompt_id, {}, 0, "sampled", {}});
      }
      if (tasks.back().response_ids.size() < k)
        tasks.back().response_ids.push_back(rows.getColumn(1).getInt64());
    }
    drop_incomplete();
    return tasks;
  });
}

int64_t AnnotationStore::annotator(const std::string& handle, const std::string& kind,
                                   const std::string& params_json) {
  if (handle.empty()) throw UserError("an annotator needs a name");
  return transact([&](SQLite::Database& db) { return LedgerRows(db).annotator(handle, kind, params_json); });
}

std::string AnnotationStore::annotator_kind(const std::string& handle) {
  return guarded(database_.connection(), [&] {
    SQLite::Statement find(database_.connection().db, "SELECT kind FROM annotators WHERE handle = ?");
    return bind_all(find, handle).executeStep() ? find.getColumn(0).getString() : std::string();
  });
}

AnnotationTask AnnotationStore::task(int64_t annotator, int64_t annotation) {
  return guarded(database_.connection(), [&] {
    SQLite::Database& db = database_.connection().db;
    annotation_state(db, annotator, annotation);
    return read_task(db, annotation);
  });
}

std::optional<AnnotationTask> AnnotationStore::next_task(int64_t campaign, int64_t annotator) {
  return transact([&](SQLite::Database& db) -> std::optional<AnnotationTask> {
    if (const auto draft = draft_in_hand(db, campaign, annotator)) {
      SQLite::Statement touch(db, "UPDATE annotations SET touched_ms = ? WHERE id = ?");
      execute(touch, now_ms(), *draft);
      return read_task(db, *draft);
    }
    const int64_t expired_before = now_ms() - draft_expiry_ms_;
    SQLite::Statement next(db, kNextTask);
    const auto task = first_integer(next, campaign, annotator, expired_before);
    if (!task) return std::nullopt;
    SQLite::Statement abandon(
        db,
        "UPDATE annotations SET status = 'abandoned' WHERE task_id = ? AND status = 'draft' "
        "AND touched_ms < ?");
    execute(abandon, *task, expired_before);
    return read_task(db, add_draft(db, *task, annotator, shuffled_items(db, *task, annotator)));
  });
}

void AnnotationStore::save_draft(int64_t annotator, int64_t annotation, const Answer& answer) {
  transact([&](SQLite::Database& db) {
    const AnnotationState draft = living_draft(db, standing_annotation(db, annotator, annotation));
    write_answer(db, read_task(db, draft.id), answer);
    return true;
  });
}

void AnnotationStore::submit(int64_t annotator, int64_t annotation, const Answer& answer) {
  check_submittable(answer);
  transact([&](SQLite::Database& db) {
    const AnnotationState standing = standing_annotation(db, annotator, annotation);
    if (standing.status == "submitted" && same_answer(read_task(db, standing.id), answer)) return true;
    const AnnotationState draft = living_draft(db, standing);
    write_answer(db, read_task(db, draft.id), answer);
    finish_draft(db, draft, "submitted", "");
    return true;
  });
}

void AnnotationStore::lay_aside(int64_t annotator, int64_t annotation) {
  transact([&](SQLite::Database& db) {
    if (annotation_state(db, annotator, annotation).status != "draft") return 0;
    SQLite::Statement lay_aside(db, "UPDATE annotations SET status = 'abandoned' WHERE id = ?");
    return execute(lay_aside, annotation);
  });
}

void AnnotationStore::skip(int64_t annotator, int64_t annotation, const std::string& note) {
  transact([&](SQLite::Database& db) {
    end_draft(db, standing_annotation(db, annotator, annotation), "skipped", note);
    return true;
  });
}

void AnnotationStore::not_rankable(int64_t annotator, int64_t annotation, const std::string& note) {
  transact([&](SQLite::Database& db) {
    end_draft(db, standing_annotation(db, annotator, annotation), "not_rankable", note);
    return true;
  });
}

std::optional<int64_t> AnnotationStore::last_answer(int64_t campaign, int64_t annotator) {
  return guarded(database_.connection(),
                 [&] { return find_last_answer(database_.connection().db, campaign, annotator); });
}

std::optional<AnnotationTask> AnnotationStore::undo(int64_t campaign, int64_t annotator,
                                                    std::optional<int64_t> answer) {
  return transact([&](SQLite::Database& db) -> std::optional<AnnotationTask> {
    const auto last = find_last_answer(db, campaign, annotator);
    if (answer && answer != last) {
      if (auto taken_back = draft_after(db, annotator, *answer)) return taken_back;
      throw UserError("annotation " + std::to_string(*answer) +
                      " is not the last answer, and only that one can be taken back");
    }
    if (!last) return std::nullopt;
    const AnnotationState state = annotation_state(db, annotator, *last);
    if (state.status == "skipped" && !has_room(db, state, now_ms() - draft_expiry_ms_))
      throw UserError("the task that was skipped has been taken by somebody else meanwhile");
    if (const auto draft = draft_in_hand(db, campaign, annotator)) lay_aside_if_empty(db, *draft);
    return read_task(db, supersede_by_draft(db, state));
  });
}

}  // namespace rlhf
