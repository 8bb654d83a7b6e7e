#include "storage/ledger_records.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "storage/connection.h"
#include "storage/ledger_rows.h"

namespace rlhf {

namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

std::string text_or_empty(const SQLite::Column& column) {
  return column.isNull() ? std::string() : column.getString();
}

Prompt prompt_of(const SQLite::Column& text, const SQLite::Column& messages) {
  if (text.isNull()) return {{}, messages_from_json(messages.getString())};
  return {text.getString(), {}};
}

/// The data set's own split, which an import keeps as a tag of the prompt.
std::string split_in(const SQLite::Column& tags) {
  const std::string json = tags.getString();
  if (json == "[]") return {};
  for (const auto& tag : nlohmann::json::parse(json)) {
    const std::string text = tag.is_string() ? tag.get<std::string>() : std::string();
    if (text.starts_with(kSplitTag)) return text.substr(kSplitTag.size());
  }
  return {};
}

/// The splits that a selection names.
std::vector<std::string> splits_of(const std::string& split) {
  if (split == "all") return {"train", "valid", "test"};
  if (split == "train" || split == "valid" || split == "test") return {split};
  throw UserError("split \"" + split + "\": it is train, valid, test or all");
}

void check_campaign(SQLite::Database& db, const std::string& name) {
  SQLite::Statement find(db, "SELECT id FROM campaigns WHERE name = ?");
  if (!name.empty() && !first_integer(find, name))
    throw UserError("the ledger has no campaign \"" + name + "\"");
}

/// Rows of `table` that are selected, oldest first.
std::vector<int64_t> row_ids(SQLite::Database& db, const std::string& table,
                             const LedgerSelection& selection) {
  const bool any_source = selection.source.empty();
  SQLite::Statement ids(db, "SELECT id FROM " + table + " WHERE split = ?1 AND id <= ?2" +
                                (any_source ? "" : " AND source = ?3"));
  std::vector<int64_t> found;
  for (const std::string& split : splits_of(selection.split)) {
    bind_all(ids, split, selection.through_row.value_or(kNoLimit));
    if (!any_source) bind_value(ids, 3, selection.source);
    while (ids.executeStep()) found.push_back(ids.getColumn(0).getInt64());
  }
  std::sort(found.begin(), found.end());
  return found;
}

void visit_prompts(SQLite::Database& db, const LedgerSelection& selection,
                   const std::function<void(ImportRecord&&)>& visit) {
  SQLite::Statement row(db,
                        "SELECT text, messages_json, source, source_id, tags_json FROM prompts WHERE id = ?");
  for (const int64_t id : row_ids(db, "prompts", selection)) {
    bind_all(row, id).executeStep();
    ImportRecord record;
    record.content = prompt_of(row.getColumn(0), row.getColumn(1));
    record.provenance.source = text_or_empty(row.getColumn(2));
    record.provenance.source_id = text_or_empty(row.getColumn(3));
    record.provenance.split = split_in(row.getColumn(4));
    record.origin = "prompt " + std::to_string(id);
    visit(std::move(record));
  }
}

Demonstration demonstration_of(SQLite::Statement& row) {
  Demonstration demonstration;
  const std::string form = row.getColumn(0).getString();
  if (form == "conversation") {
    demonstration.form = Demonstration::Form::kConversation;
    demonstration.prompt.messages = messages_from_json(row.getColumn(2).getString());
    demonstration.first_supervised_message = static_cast<std::size_t>(row.getColumn(3).getInt64());
    return demonstration;
  }
  demonstration.completion = row.getColumn(1).getString();
  if (form == "prompt_completion") {
    demonstration.form = Demonstration::Form::kPromptCompletion;
    const bool has_prompt = !row.getColumn(4).isNull() || !row.getColumn(5).isNull();
    if (has_prompt) demonstration.prompt = prompt_of(row.getColumn(4), row.getColumn(5));
  }
  return demonstration;
}

void visit_demonstrations(SQLite::Database& db, const LedgerSelection& selection,
                          const std::function<void(ImportRecord&&)>& visit) {
  SQLite::Statement row(
      db,
      "SELECT d.form, d.completion, d.messages_json, d.first_supervised, p.text, p.messages_json, "
      "d.source, d.source_id, n.handle, COALESCE(p.tags_json, '[]') FROM demonstrations d "
      "LEFT JOIN prompts p ON p.id = d.prompt_id LEFT JOIN annotators n ON n.id = d.annotator_id "
      "WHERE d.id = ?");
  for (const int64_t id : row_ids(db, "demonstrations", selection)) {
    bind_all(row, id).executeStep();
    ImportRecord record;
    Demonstration demonstration = demonstration_of(row);
    record.origin = demonstration.origin = "demonstration " + std::to_string(id);
    record.content = std::move(demonstration);
    record.provenance.source = text_or_empty(row.getColumn(6));
    record.provenance.source_id = text_or_empty(row.getColumn(7));
    record.provenance.annotator = text_or_empty(row.getColumn(8));
    record.provenance.split = split_in(row.getColumn(9));
    visit(std::move(record));
  }
}

/// Labels that counted at the tick, starting from the prompts of a split or from the tasks of a campaign,
/// whichever touches less.
std::vector<int64_t> annotation_ids(SQLite::Database& db, const LedgerSelection& selection) {
  check_campaign(db, selection.campaign);
  // ?2 always stands there; a comparison that may be off would keep the index of sources from being used.
  const std::string counted =
      "a.submitted_tick <= ?3 AND (a.superseded_tick IS NULL OR a.superseded_tick > ?3) AND p.split = ?1 "
      "AND " +
      std::string(selection.source.empty() ? "?2 = ''" : "p.source = ?2");
  const std::string from = selection.campaign.empty()
                               ? "prompts p CROSS JOIN annotations a ON a.prompt_id = p.id WHERE "
                               : "campaigns c CROSS JOIN tasks t ON t.campaign_id = c.id "
                                 "CROSS JOIN annotations a ON a.task_id = t.id "
                                 "CROSS JOIN prompts p ON p.id = a.prompt_id WHERE c.name = ?4 AND ";
  SQLite::Statement ids(db, "SELECT a.id FROM " + from + counted);
  std::vector<int64_t> found;
  for (const std::string& split : splits_of(selection.split)) {
    bind_all(ids, split, selection.source, selection.through_tick.value_or(kNoLimit));
    if (!selection.campaign.empty()) bind_value(ids, 4, selection.campaign);
    while (ids.executeStep()) found.push_back(ids.getColumn(0).getInt64());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Reads single annotations with all that belongs to them.
class JudgementReader {
 public:
  explicit JudgementReader(SQLite::Database& db)
      : head_(db,
              "SELECT p.text, p.messages_json, a.margin, a.confidence, a.note, "
              // A label that was imported has the id it came with, or none: what it is known by.
              "CASE WHEN a.import_id IS NULL THEN COALESCE(a.source_id, p.source_id) ELSE a.source_id END, "
              "p.source, n.handle, p.tags_json FROM annotations a JOIN prompts p ON p.id = a.prompt_id "
              "LEFT JOIN annotators n ON n.id = a.annotator_id WHERE a.id = ?"),
        items_(db,
               "SELECT s.text, r.rank, m.name, s.source_id, s.id FROM ranks r JOIN responses s ON s.id = "
               "r.response_id LEFT JOIN models m ON m.id = s.model_id WHERE r.annotation_id = ? ORDER BY "
               "r.position"),
        ratings_(db, "SELECT response_id, aspect, value FROM ratings WHERE annotation_id = ? ORDER BY 1, 2") {
  }

  /// A Ranking of two or more, else a RatedResponse. Ranks that are missing are 0.
  ImportRecord read(int64_t id) {
    ImportRecord record;
    record.origin = "annotation " + std::to_string(id);
    Ranking ranking;
    ranking.annotation_id = id;
    ranking.origin = record.origin;
    read_head(id, ranking, record.provenance);
    const std::vector<int64_t> response_ids = read_items(id, ranking, record.provenance);
    read_ratings(id, response_ids, record.provenance);
    if (ranking.responses.size() == 1)
      record.content = RatedResponse{std::move(ranking.prompt), std::move(ranking.responses[0])};
    else
      record.content = std::move(ranking);
    return record;
  }

 private:
  void read_head(int64_t id, Ranking& ranking, Provenance& provenance) {
    bind_all(head_, id).executeStep();
    ranking.prompt = prompt_of(head_.getColumn(0), head_.getColumn(1));
    if (!head_.getColumn(2).isNull()) ranking.margin = head_.getColumn(2).getDouble();
    if (!head_.getColumn(3).isNull()) provenance.confidence = head_.getColumn(3).getDouble();
    provenance.note = text_or_empty(head_.getColumn(4));
    provenance.source_id = text_or_empty(head_.getColumn(5));
    provenance.source = text_or_empty(head_.getColumn(6));
    provenance.annotator = text_or_empty(head_.getColumn(7));
    provenance.split = split_in(head_.getColumn(8));
  }

  std::vector<int64_t> read_items(int64_t id, Ranking& ranking, Provenance& provenance) {
    std::vector<int64_t> response_ids;
    bool any_model = false, any_id = false;
    bind_all(items_, id);
    while (items_.executeStep()) {
      ranking.responses.push_back(items_.getColumn(0).getString());
      ranking.ranks.push_back(items_.getColumn(1).getInt());
      provenance.response_models.push_back(text_or_empty(items_.getColumn(2)));
      provenance.response_ids.push_back(text_or_empty(items_.getColumn(3)));
      any_model |= !provenance.response_models.back().empty();
      any_id |= !provenance.response_ids.back().empty();
      response_ids.push_back(items_.getColumn(4).getInt64());
    }
    if (!any_model) provenance.response_models.clear();
    if (!any_id) provenance.response_ids.clear();
    return response_ids;
  }

  void read_ratings(int64_t id, const std::vector<int64_t>& response_ids, Provenance& provenance) {
    bind_all(ratings_, id);
    while (ratings_.executeStep()) {
      const auto at = std::find(response_ids.begin(), response_ids.end(), ratings_.getColumn(0).getInt64());
      provenance.ratings.push_back({static_cast<std::size_t>(at - response_ids.begin()),
                                    ratings_.getColumn(1).getString(), ratings_.getColumn(2).getDouble()});
    }
  }

  SQLite::Statement head_, items_, ratings_;
};

void visit_judgements(SQLite::Database& db, RecordKind kind, const LedgerSelection& selection,
                      const std::function<void(ImportRecord&&)>& visit) {
  JudgementReader reader(db);
  for (const int64_t id : annotation_ids(db, selection)) {
    ImportRecord record = reader.read(id);
    const auto* ranking = std::get_if<Ranking>(&record.content);
    const bool ranked = ranking && ranking->responses.size() >= 2 &&
                        std::count(ranking->ranks.begin(), ranking->ranks.end(), 0) == 0;
    const bool wanted =
        kind == RecordKind::kRanking ? ranked : std::holds_alternative<RatedResponse>(record.content);
    if (wanted) visit(std::move(record));
  }
}

template <class Content>
std::vector<Content> collect(Database& database, RecordKind kind, const LedgerSelection& selection) {
  std::vector<Content> contents;
  for_each_record(database, kind, selection, [&](ImportRecord&& record) {
    contents.push_back(std::get<Content>(std::move(record.content)));
  });
  return contents;
}

}  // namespace

LedgerPosition ledger_position(Database& database) {
  return guarded(database.connection(), [&] {
    SQLite::Statement row(database.connection().db,
                          "SELECT (SELECT tick FROM clock), (SELECT COALESCE(MAX(id), 0) FROM prompts), "
                          "(SELECT COALESCE(MAX(id), 0) FROM demonstrations)");
    row.executeStep();
    return LedgerPosition{row.getColumn(0).getInt64(), row.getColumn(1).getInt64(),
                          row.getColumn(2).getInt64()};
  });
}

void for_each_record(Database& database, RecordKind kind, const LedgerSelection& selection,
                     const std::function<void(ImportRecord&&)>& visit) {
  guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    const Snapshot snapshot(db);
    if (kind == RecordKind::kPrompt)
      visit_prompts(db, selection, visit);
    else if (kind == RecordKind::kDemonstration)
      visit_demonstrations(db, selection, visit);
    else
      visit_judgements(db, kind, selection, visit);
  });
}

void for_each_label_of(Database& database, int64_t prompt_id,
                       const std::function<void(ImportRecord&&)>& visit) {
  guarded(database.connection(), [&] {
    SQLite::Database& db = database.connection().db;
    const Snapshot snapshot(db);
    SQLite::Statement ids(db,
                          "SELECT id FROM annotations WHERE prompt_id = ? AND submitted_tick IS NOT NULL AND "
                          "superseded_tick IS NULL "
                          "ORDER BY id");
    JudgementReader reader(db);
    bind_all(ids, prompt_id);
    while (ids.executeStep()) visit(reader.read(ids.getColumn(0).getInt64()));
  });
}

std::vector<Ranking> LedgerPreferences::rankings() {
  return collect<Ranking>(database_, RecordKind::kRanking, selection_);
}

std::vector<ImportRecord> LedgerPreferences::records() {
  std::vector<ImportRecord> found;
  LedgerSelection part = selection_;
  for (const std::string& split : splits_of(selection_.split)) {
    part.split = split;
    for_each_record(database_, RecordKind::kRanking, part, [&](ImportRecord&& record) {
      record.provenance.split = split;
      found.push_back(std::move(record));
    });
  }
  return found;
}

std::vector<Demonstration> LedgerDemonstrations::demonstrations() {
  return collect<Demonstration>(database_, RecordKind::kDemonstration, selection_);
}

std::vector<Prompt> LedgerPrompts::prompts() {
  return collect<Prompt>(database_, RecordKind::kPrompt, selection_);
}

}  // namespace rlhf
