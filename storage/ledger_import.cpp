#include "storage/ledger_import.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "storage/annotation_seal.h"
#include "storage/clock.h"
#include "storage/connection.h"
#include "storage/key_hash.h"
#include "storage/ledger_rows.h"
#include "storage/normal_text.h"

namespace rlhf {

namespace {

constexpr std::size_t kBatchRecords = 8192;
constexpr std::size_t kBatchBytes = 32 << 20;
// A batch's rows are scattered over the indexes of hashes. Pages that do not fit are written several times.
constexpr char kCache[] = "PRAGMA cache_size = -262144";  // KiB, taken as needed

/// What the ledger derives from a record, computed before the write lock is taken.
struct Prepared {
  ImportRecord record;
  std::optional<PromptKey> prompt;  // none for a demonstration
  Sha256Digest import_key{};        // of a ranking or a rated response
};

const std::string& at_or_empty(const std::vector<std::string>& values, std::size_t i) {
  static const std::string kEmpty;
  return i < values.size() ? values[i] : kEmpty;
}

void require(bool holds, const std::string& reason) {
  if (!holds) throw UserError(reason);
}

void check_prompt(const Prompt& prompt) {
  require(!prompt.is_chat() || prompt.text.empty(), "a prompt is either text or messages");
}

void check_ranks(const std::vector<int>& ranks) {
  const std::set<int> distinct(ranks.begin(), ranks.end());
  int expected = 1;
  for (const int rank : distinct)
    require(rank == expected++, "ranks must be dense: 1 is best, equal is a tie, none is left out");
}

void check_responses(const std::vector<std::string>& responses, const Provenance& provenance) {
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < responses.size(); ++i) {
    require(!responses[i].empty(), "response " + std::to_string(i + 1) + " is empty");
    require(seen.insert({responses[i], at_or_empty(provenance.response_models, i)}).second,
            "responses " + std::to_string(i + 1) + " and an earlier one are identical");
    check_utf8(responses[i]);
  }
  for (const ResponseRating& rating : provenance.ratings) {
    require(rating.response < responses.size(), "a rating of a response that is not there");
    require(std::isfinite(rating.value), "a rating that is not a finite number");
    require(!rating.aspect.empty(), "a rating without an aspect");
  }
  require(!provenance.confidence || std::isfinite(*provenance.confidence),
          "confidence is not a finite number");
}

void check_ranking(const Ranking& ranking, const Provenance& provenance) {
  check_prompt(ranking.prompt);
  require(ranking.responses.size() >= 2, "a ranking needs two responses or more");
  require(ranking.ranks.size() == ranking.responses.size(), "a ranking needs one rank a response");
  check_ranks(ranking.ranks);
  check_responses(ranking.responses, provenance);
  require(!ranking.margin || (std::isfinite(*ranking.margin) && ranking.responses.size() == 2),
          "a margin is a finite number, and goes with two responses");
}

void check_demonstration(const Demonstration& demonstration) {
  if (demonstration.form == Demonstration::Form::kConversation) {
    const Conversation& turns = demonstration.prompt.messages;
    require(!turns.empty(), "a conversation without messages");
    const auto from = std::min(demonstration.first_supervised_message, turns.size());
    require(
        std::any_of(turns.begin() + static_cast<std::ptrdiff_t>(from), turns.end(),
                    [](const Message& turn) { return turn.role == "assistant" && !turn.content.empty(); }),
        "a conversation without an assistant's turn to learn from");
  } else {
    require(!demonstration.completion.empty(), "the completion is empty");
    check_utf8(demonstration.completion);
  }
}

/// As the ledger gives them back, whatever order a file has them in: by response and aspect, one of each.
std::vector<ResponseRating> in_order(std::vector<ResponseRating> ratings) {
  const auto place = [](const ResponseRating& rating) { return std::tie(rating.response, rating.aspect); };
  std::stable_sort(ratings.begin(), ratings.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  const auto repeated = std::unique(ratings.begin(), ratings.end(),
                                    [&](const auto& a, const auto& b) { return place(a) == place(b); });
  ratings.erase(repeated, ratings.end());
  return ratings;
}

Sha256Digest key_of(const PromptKey& prompt, const std::vector<std::string>& responses,
                    const std::vector<int>& ranks, std::optional<double> margin,
                    const Provenance& provenance) {
  KeyHash hash;
  hash.add({reinterpret_cast<const char*>(prompt.canon.data()), prompt.canon.size()});
  for (std::size_t i = 0; i < responses.size(); ++i)
    hash.add(responses[i])
        .add(at_or_empty(provenance.response_models, i))
        .add(i < ranks.size() ? std::to_string(ranks[i]) : "");
  hash.add(margin ? exact(*margin) : "").add(provenance.annotator).add(provenance.source_id);
  for (const ResponseRating& rating : in_order(provenance.ratings))
    hash.add(std::to_string(rating.response)).add(rating.aspect).add(exact(rating.value));
  return hash.digest();
}

Prepared prepare(ImportRecord record) {
  Prepared prepared{std::move(record), {}, {}};
  const Provenance& provenance = prepared.record.provenance;
  if (const auto* prompt = std::get_if<Prompt>(&prepared.record.content)) {
    require(prompt->is_chat() || !prompt->text.empty(), "the prompt is empty");
    prepared.prompt.emplace(*prompt);
  } else if (const auto* ranking = std::get_if<Ranking>(&prepared.record.content)) {
    check_ranking(*ranking, provenance);
    prepared.prompt.emplace(ranking->prompt);
    prepared.import_key =
        key_of(*prepared.prompt, ranking->responses, ranking->ranks, ranking->margin, provenance);
  } else if (const auto* rated = std::get_if<RatedResponse>(&prepared.record.content)) {
    check_responses({rated->response}, provenance);
    prepared.prompt.emplace(rated->prompt);
    prepared.import_key = key_of(*prepared.prompt, {rated->response}, {}, {}, provenance);
  } else {
    check_demonstration(std::get<Demonstration>(prepared.record.content));
  }
  return prepared;
}

std::size_t bytes_of(const Prompt& prompt) {
  std::size_t bytes = prompt.text.size();
  for (const Message& message : prompt.messages) bytes += message.content.size();
  return bytes;
}

std::size_t bytes_of(const ImportRecord& record) {
  if (const auto* prompt = std::get_if<Prompt>(&record.content)) return bytes_of(*prompt);
  if (const auto* demonstration = std::get_if<Demonstration>(&record.content))
    return bytes_of(demonstration->prompt) + demonstration->completion.size();
  if (const auto* rated = std::get_if<RatedResponse>(&record.content))
    return bytes_of(rated->prompt) + rated->response.size();
  const auto& ranking = std::get<Ranking>(record.content);
  std::size_t bytes = bytes_of(ranking.prompt);
  for (const std::string& response : ranking.responses) bytes += response.size();
  return bytes;
}

}  // namespace

class LedgerImport::Writer {
 public:
  Writer(Database::Connection& connection, ImportSource source)
      : connection_(connection),
        source_(std::move(source)),
        rows_(connection.db),
        find_annotation_(connection.db, "SELECT id FROM annotations WHERE import_key = ?"),
        add_annotation_(
            connection.db,
            "INSERT INTO annotations(import_key, prompt_id, annotator_id, import_id, status, margin, "
            "confidence, note, source_id, submitted_ms, submitted_tick, seal) "
            "VALUES (?,?,?,?,'submitted',?,?,?,?,?,?,?)"),
        add_rank_(connection.db,
                  "INSERT INTO ranks(annotation_id, response_id, position, rank) VALUES (?,?,?,?)"),
        add_rating_(connection.db,
                    "INSERT INTO ratings(annotation_id, response_id, aspect, value) VALUES (?,?,?,?)") {
    connection.db.exec(kCache);
    // Every reference is to a row that the same transaction has found or added.
    connection.db.exec("PRAGMA foreign_keys = OFF");
  }

  ~Writer() {
    if (writing_.valid()) writing_.wait();
    connection_.db.tryExec("PRAGMA foreign_keys = ON");
  }

  void add(ImportRecord record) {
    try {
      batch_.push_back(prepare(std::move(record)));
    } catch (const UserError&) {
      ++rejected_;
      throw;
    }
    batch_bytes_ += bytes_of(batch_.back().record);
    if (!source_.dry_run && (batch_.size() >= kBatchRecords || batch_bytes_ >= kBatchBytes)) hand_over();
  }

  void count_rejected(int64_t records) { rejected_ += records; }
  const Database::Connection& connection() const { return connection_; }

  ImportCounts finish() {
    hand_over();
    written();
    counts_.rejected = rejected_;
    if (import_id_ && !source_.dry_run) write_counts();
    return counts_;
  }

 private:
  /// Has the batch written by another thread, while this one reads and prepares the next. Only that thread
  /// uses the connection until it is done. A dry run keeps all records to the end, and then rolls the one
  /// transaction back.
  void hand_over() {
    written();
    writing_ = std::async(std::launch::async, [this, batch = std::move(batch_)]() mutable { write(batch); });
    batch_.clear();
    batch_bytes_ = 0;
  }

  /// Waits for the batch that was handed over. What went wrong there is the world's fault, not that of the
  /// record at hand.
  void written() {
    if (!writing_.valid()) return;
    try {
      try {
        writing_.get();
      } catch (const SQLite::Exception& error) {
        throw_translated(error, connection_.path);
      }
    } catch (const UserError& error) {
      throw WorldError(error.what());
    }
  }

  void write(std::vector<Prepared>& batch) {
    if (batch.empty()) return;
    ImportCounts counts = counts_;
    WriteTransaction transaction(connection_);
    if (!import_id_) import_id_ = open_import(batch.front().record.provenance.license);
    tick_.reset();
    for (Prepared& prepared : batch) {
      const bool is_new = write(prepared);
      ++(is_new ? counts.imported : counts.already_present);
    }
    if (source_.dry_run) {
      import_id_.reset();
    } else {
      // With the records themselves, so that an import that is killed is counted as far as it went.
      SQLite::Statement update(connection_.db, "UPDATE imports SET imported = imported + ? WHERE id = ?");
      execute(update, counts.imported - counts_.imported, *import_id_);
      transaction.commit();
    }
    counts_ = counts;
  }

  int64_t open_import(const std::string& license) {
    SQLite::Statement find(connection_.db, "SELECT id FROM imports WHERE sha256 = ? AND format = ?");
    if (const auto id = first_integer(find, TextOrNull{source_.sha256}, source_.format)) return *id;
    SQLite::Statement add(connection_.db,
                          "INSERT INTO imports(path, sha256, format, tool_version, license, started_ms) "
                          "VALUES (?,?,?,?,?,?)");
    execute(add, source_.path, TextOrNull{source_.sha256}, source_.format, source_.tool_version,
            TextOrNull{license}, now_ms());
    return connection_.db.getLastInsertRowid();
  }

  /// An import that brought nothing new leaves its earlier row as it was, and none where there was none.
  void write_counts() {
    WriteTransaction transaction(connection_);
    if (counts_.imported == 0 && source_.sha256.empty()) {
      SQLite::Statement drop(connection_.db, "DELETE FROM imports WHERE id = ?");
      execute(drop, *import_id_);
    } else {
      SQLite::Statement update(connection_.db,
                               "UPDATE imports SET present = ?, rejected = ?, finished_ms = ? "
                               "WHERE id = ? AND (finished_ms IS NULL OR ? > 0)");
      execute(update, counts_.already_present, counts_.rejected, now_ms(), *import_id_, counts_.imported);
    }
    transaction.commit();
  }

  bool write(Prepared& prepared) {
    const Provenance& provenance = prepared.record.provenance;
    const PromptDetails details = details_of(provenance);
    if (const auto* prompt = std::get_if<Prompt>(&prepared.record.content))
      return rows_.prompt(*prompt, *prepared.prompt, details).is_new;
    if (const auto* demonstration = std::get_if<Demonstration>(&prepared.record.content))
      return rows_.demonstration(*demonstration, details, annotator_of(provenance)).is_new;
    if (first_integer(find_annotation_, prepared.import_key)) return false;
    if (const auto* ranking = std::get_if<Ranking>(&prepared.record.content))
      write_judgement(prepared, ranking->prompt, ranking->responses, ranking->ranks, ranking->margin);
    else if (const auto* rated = std::get_if<RatedResponse>(&prepared.record.content))
      write_judgement(prepared, rated->prompt, {rated->response}, {}, {});
    return true;
  }

  void write_judgement(const Prepared& prepared, const Prompt& prompt,
                       const std::vector<std::string>& responses, const std::vector<int>& ranks,
                       std::optional<double> margin) {
    const Provenance& provenance = prepared.record.provenance;
    if (!tick_) tick_ = tick(connection_.db);
    const int64_t prompt_id = rows_.prompt(prompt, *prepared.prompt, details_of(provenance)).id;
    const std::vector<int64_t> response_ids = write_responses(prompt_id, responses, provenance);
    SealedAnnotation said;
    said.prompt_id = prompt_id;
    said.annotator_id = annotator_of(provenance);
    said.import_id = import_id_;
    said.margin = margin;
    said.confidence = provenance.confidence;
    said.note = provenance.note;
    said.source_id = provenance.source_id;
    said.submitted_ms = now_ms();
    said.submitted_tick = tick_;
    for (std::size_t i = 0; i < responses.size(); ++i)
      said.places[response_ids[i]] = {static_cast<int64_t>(i),
                                      i < ranks.size() ? std::optional<int64_t>(ranks[i]) : std::nullopt};
    for (const ResponseRating& rating : provenance.ratings)  // the first of an aspect counts
      said.ratings.insert({{response_ids[rating.response], rating.aspect}, rating.value});
    write_sealed(prepared.import_key, said);
  }

  std::vector<int64_t> write_responses(int64_t prompt_id, const std::vector<std::string>& responses,
                                       const Provenance& provenance) {
    std::vector<int64_t> ids;
    for (std::size_t i = 0; i < responses.size(); ++i) {
      ResponseRow row;
      row.prompt_id = prompt_id;
      row.text = &responses[i];
      row.source_id = at_or_empty(provenance.response_ids, i);
      row.import_id = import_id_;
      if (const std::string& model = at_or_empty(provenance.response_models, i); !model.empty())
        row.model_id = rows_.model_by_name(model);
      ids.push_back(rows_.response(row).id);
    }
    return ids;
  }

  void write_sealed(const Sha256Digest& import_key, const SealedAnnotation& said) {
    execute(add_annotation_, import_key, said.prompt_id, said.annotator_id, said.import_id, said.margin,
            said.confidence, TextOrNull{said.note}, TextOrNull{said.source_id}, said.submitted_ms,
            said.submitted_tick, said.seal());
    const int64_t annotation_id = connection_.db.getLastInsertRowid();
    for (const auto& [response, place] : said.places)
      execute(add_rank_, annotation_id, response, place.position, place.rank);
    for (const auto& [key, value] : said.ratings)
      execute(add_rating_, annotation_id, key.first, key.second, value);
  }

  PromptDetails details_of(const Provenance& provenance) const {
    PromptDetails details{provenance.source, provenance.source_id, "[]", import_id_};
    if (!provenance.split.empty())
      details.tags_json = nlohmann::json::array({std::string(kSplitTag) + provenance.split}).dump();
    return details;
  }

  std::optional<int64_t> annotator_of(const Provenance& provenance) {
    if (provenance.annotator.empty()) return std::nullopt;
    return rows_.annotator(provenance.annotator, "human");
  }

  Database::Connection& connection_;
  ImportSource source_;
  LedgerRows rows_;
  SQLite::Statement find_annotation_, add_annotation_, add_rank_, add_rating_;
  std::vector<Prepared> batch_;
  std::size_t batch_bytes_ = 0;
  std::optional<int64_t> import_id_;
  std::optional<int64_t> tick_;  // of the batch, drawn when it brings the first new label
  ImportCounts counts_;          // of what is written
  int64_t rejected_ = 0;
  std::future<void> writing_;
};

LedgerImport::LedgerImport(Database& database, ImportSource source) {
  guarded(database.connection(),
          [&] { writer_ = std::make_unique<Writer>(database.connection(), std::move(source)); });
}

LedgerImport::~LedgerImport() = default;
LedgerImport::LedgerImport(LedgerImport&&) noexcept = default;

void LedgerImport::add(ImportRecord record) {
  guarded(writer_->connection(), [&] { writer_->add(std::move(record)); });
}

void LedgerImport::count_rejected(int64_t records) {
  writer_->count_rejected(records);
}

ImportCounts LedgerImport::finish() {
  return guarded(writer_->connection(), [&] { return writer_->finish(); });
}

}  // namespace rlhf
