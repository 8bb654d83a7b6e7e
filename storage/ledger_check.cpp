#include "storage/ledger_check.h"

#include <SQLiteCpp/Backup.h>
#include <sqlite3.h>

#include "contract/error.h"
#include "storage/annotation_seal.h"
#include "storage/atomic_folder.h"
#include "storage/connection.h"
#include "storage/ledger_records.h"
#include "storage/ledger_rows.h"
#include "storage/normal_text.h"
#include "storage/schema.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

bool equal(const SQLite::Column& blob, const Sha256Digest& digest) {
  return blob.getString() == std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

class Checker {
 public:
  Checker(SQLite::Database& db, std::size_t limit) : db_(db), limit_(limit) {}

  LedgerCheck run() {
    check_file();
    check_schema();
    if (!check_.problems.empty()) return check_;  // rows of a damaged file tell nothing
    check_prompts();
    check_responses();
    check_settings();
    check_annotations();
    check_seals();
    check_trajectories();
    return check_;
  }

 private:
  void report(const std::string& problem) {
    if (check_.problems.size() < limit_) check_.problems.push_back(problem);
  }

  void check_file() {
    SQLite::Statement integrity(db_, "PRAGMA integrity_check(100)");
    while (integrity.executeStep())
      if (const std::string line = integrity.getColumn(0).getString(); line != "ok") report(line);
    SQLite::Statement references(db_, "SELECT \"table\", rowid, parent FROM pragma_foreign_key_check");
    while (references.executeStep())
      report(references.getColumn(0).getString() + " row " + references.getColumn(1).getString() +
             " refers to a row of " + references.getColumn(2).getString() + " that is not there");
  }

  /// Tables, indexes, triggers and views as the migrations make them. Others may stand beside them.
  void check_schema() {
    SQLite::Database fresh(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    for (const std::string_view migration : schema_migrations()) fresh.exec(std::string(migration));
    SQLite::Statement wanted(fresh, "SELECT type, name, sql FROM sqlite_master");
    SQLite::Statement found(db_,
                            "SELECT COUNT(*) FROM sqlite_master WHERE type = ? AND name = ? AND sql IS ?");
    while (wanted.executeStep()) {
      const std::string type = wanted.getColumn(0).getString(), name = wanted.getColumn(1).getString();
      const bool automatic = wanted.getColumn(2).isNull();
      const std::string sql = wanted.getColumn(2).getString();
      if (first_integer(found, type, name, automatic ? std::nullopt : std::optional(sql)) != 1)
        report("the " + type + " " + name + " is not as this program makes it");
    }
  }

  void check_prompts() {
    SQLite::Statement rows(db_,
                           "SELECT id, text, messages_json, canon_sha256, norm_sha256, split FROM prompts");
    while (rows.executeStep()) {
      ++check_.prompts;
      const std::string row = "prompt " + rows.getColumn(0).getString();
      Prompt prompt;
      if (rows.getColumn(1).isNull())
        prompt.messages = messages_from_json(rows.getColumn(2).getString());
      else
        prompt.text = rows.getColumn(1).getString();
      const PromptKey key(prompt);
      if (!equal(rows.getColumn(3), key.canon))
        report(row + ": its content does not have the hash it is known by");
      if (!equal(rows.getColumn(4), key.normal)) report(row + ": its normalised text has another hash");
      if (rows.getColumn(5).getString() != std::string(split_of(key.normal)))
        report(row + " is in the wrong split");
    }
  }

  void check_responses() {
    SQLite::Statement rows(db_, "SELECT id, text, text_sha256, LENGTH(token_ids) % 4 FROM responses");
    while (rows.executeStep()) {
      ++check_.responses;
      const std::string row = "response " + rows.getColumn(0).getString();
      if (!equal(rows.getColumn(2), sha256_digest(rows.getColumn(1).getString())))
        report(row + ": its text does not have the hash it is known by");
      if (rows.getColumn(3).getInt() != 0) report(row + ": token_ids is no list of int32");
    }
  }

  void check_settings() {
    SQLite::Statement rows(db_,
                           "SELECT id, sha256, temperature, top_k, top_p, min_p, repetition_penalty, "
                           "max_new_tokens, engine FROM sampling");
    while (rows.executeStep()) {
      const SamplingOptions options{rows.getColumn(2).getDouble(), rows.getColumn(3).getInt(),
                                    rows.getColumn(4).getDouble(), rows.getColumn(5).getDouble(),
                                    rows.getColumn(6).getDouble(), rows.getColumn(7).getInt()};
      if (!equal(rows.getColumn(1), sampling_hash(options, rows.getColumn(8).getString())))
        report("sampling " + rows.getColumn(0).getString() +
               ": its settings do not have the hash they are known by");
    }
    SQLite::Statement campaigns(db_, "SELECT id, guidelines, guidelines_sha256 FROM campaigns");
    while (campaigns.executeStep())
      if (sha256_hex(campaigns.getColumn(1).getString()) != campaigns.getColumn(2).getString())
        report("campaign " + campaigns.getColumn(0).getString() +
               ": its guidelines do not have the hash they are known by");
  }

  void check_annotations() {
    check_.annotations = db_.execAndGet("SELECT COUNT(*) FROM annotations").getInt64();
    SQLite::Statement ranks(
        db_,
        "SELECT a.id FROM annotations a JOIN ranks r ON r.annotation_id = a.id "
        "WHERE a.status = 'submitted' GROUP BY a.id HAVING COUNT(*) >= 2 AND "
        "(COUNT(r.rank) < COUNT(*) OR MIN(r.rank) <> 1 OR MAX(r.rank) <> COUNT(DISTINCT r.rank))");
    report_rows(ranks, "annotation ", " is submitted without complete, dense ranks");
    SQLite::Statement empty(db_,
                            "SELECT id FROM annotations WHERE status = 'submitted' AND id NOT IN "
                            "(SELECT annotation_id FROM ranks)");
    report_rows(empty, "annotation ", " is submitted and ranks nothing");
    SQLite::Statement foreign(db_,
                              "SELECT a.id FROM ranks r JOIN annotations a ON a.id = r.annotation_id "
                              "JOIN responses s ON s.id = r.response_id WHERE s.prompt_id <> a.prompt_id");
    report_rows(foreign, "annotation ", " ranks a response to another prompt");
    SQLite::Statement other_task(
        db_,
        "SELECT DISTINCT a.id FROM annotations a JOIN ranks r ON r.annotation_id = a.id "
        "WHERE a.task_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM task_items i "
        "WHERE i.task_id = a.task_id AND i.response_id = r.response_id)");
    report_rows(other_task, "annotation ", " ranks a response that its task does not show");
    SQLite::Statement ticks(
        db_,
        "SELECT id FROM annotations WHERE (status = 'submitted' AND submitted_tick IS NULL) "
        "OR (superseded_tick IS NOT NULL) <> (status = 'superseded' AND submitted_tick IS NOT NULL) "
        "OR MAX(submitted_tick, COALESCE(superseded_tick, 0)) > (SELECT tick FROM clock) "
        "OR superseded_tick <= submitted_tick");
    report_rows(ticks, "annotation ", " has times that cannot be");
  }

  void check_seals() {
    SQLite::Statement rows(db_, "SELECT id, seal FROM annotations WHERE seal IS NOT NULL");
    SealReader reader(db_);
    while (rows.executeStep())
      if (!equal(rows.getColumn(1), reader.read(rows.getColumn(0).getInt64()).seal()))
        report("annotation " + rows.getColumn(0).getString() +
               " does not say what it said when it was given");
  }

  void check_trajectories() {
    check_.trajectories = db_.execAndGet("SELECT COUNT(*) FROM trajectories").getInt64();
    SQLite::Statement blobs(
        db_,
        "SELECT t.id FROM trajectories t JOIN trajectory_tokens k ON k.trajectory_id = t.id "
        "WHERE LENGTH(prompt_ids) % 4 <> 0 OR LENGTH(response_ids) <> 4 * t.tokens "
        "OR LENGTH(sampling_logprobs) <> 4 * t.tokens OR LENGTH(policy_logprobs) <> 4 * t.tokens "
        "OR LENGTH(reference_logprobs) <> 4 * t.tokens OR LENGTH(rewards) <> 4 * t.tokens "
        "OR LENGTH(\"values\") <> 4 * t.tokens OR LENGTH(advantages) <> 4 * t.tokens");
    report_rows(blobs, "trajectory ", " has per-token numbers of a wrong length");
  }

  void report_rows(SQLite::Statement& ids, const std::string& what, const std::string& problem) {
    while (ids.executeStep()) report(what + ids.getColumn(0).getString() + problem);
  }

  SQLite::Database& db_;
  const std::size_t limit_;
  LedgerCheck check_;
};

/// As they are read for training.
void check_demonstrations(Database& database, std::size_t limit, LedgerCheck& check) {
  SQLite::Statement row(database.connection().db,
                        "SELECT canon_sha256, split FROM demonstrations WHERE id = ?");
  LedgerSelection all;
  all.split = "all";
  for_each_record(database, RecordKind::kDemonstration, all, [&](ImportRecord&& record) {
    ++check.demonstrations;
    const DemonstrationKey key(std::get<Demonstration>(record.content));
    const int64_t id = std::stoll(record.origin.substr(record.origin.rfind(' ') + 1));
    bind_all(row, id).executeStep();
    const bool same = equal(row.getColumn(0), key.canon);
    const bool placed = row.getColumn(1).getString() == std::string(split_of(key.prompt.normal));
    row.reset();
    if (check.problems.size() >= limit) return;
    if (!same)
      check.problems.push_back(record.origin + ": its content does not have the hash it is known by");
    if (!placed) check.problems.push_back(record.origin + " is in the wrong split");
  });
}

}  // namespace

LedgerCheck verify_ledger(Database& database, std::size_t limit) {
  return guarded(database.connection(), [&] {
    LedgerCheck check;
    {
      const Snapshot snapshot(database.connection().db);
      check = Checker(database.connection().db, limit).run();
    }
    if (check.problems.empty()) check_demonstrations(database, limit, check);
    return check;
  });
}

void backup_ledger(Database& database, const fs::path& destination) {
  write_new_file_atomically(destination, [&](const fs::path& partial) {
    guarded(database.connection(), [&] {
      SQLite::Database copy(partial, SQLite::OPEN_READWRITE);
      SQLite::Backup backup(copy, database.connection().db);
      while (backup.executeStep(-1) != SQLITE_DONE) {
      }
      // One file, no companions, so that it can be renamed; opening it as a ledger switches back to WAL.
      copy.exec("PRAGMA journal_mode = DELETE");
      if (const std::string verdict = copy.execAndGet("PRAGMA quick_check").getString(); verdict != "ok")
        throw UserError("the ledger " + database.path().string() + " is damaged: " + verdict);
    });
  });
}

}  // namespace rlhf
