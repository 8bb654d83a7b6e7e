// Trajectories in the ledger: LedgerTrajectories and what reads them back, of storage/run_store.h.
#include <bit>
#include <cstring>
#include <limits>

#include "contract/error.h"
#include "storage/connection.h"
#include "storage/ledger_rows.h"
#include "storage/run_store.h"

namespace rlhf {

static_assert(std::endian::native == std::endian::little, "per-token blobs are little-endian");

namespace {

constexpr char kAdd[] =
    "INSERT INTO trajectories(run_id, step, iteration, prompt_slot, sample_index, prompt_index, prompt_id, "
    "prompt_text, "
    "response_text, tokens, finish_reason, raw_score, score, score_spread, kl, beta, policy_version, "
    "policy_hash) "
    "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

constexpr char kAddTokens[] =
    "INSERT INTO trajectory_tokens(trajectory_id, prompt_ids, response_ids, sampling_logprobs, "
    "policy_logprobs, "
    "reference_logprobs, rewards, \"values\", advantages) VALUES (?,?,?,?,?,?,?,?,?)";

constexpr char kRead[] =
    "SELECT t.id, t.run_id, t.step, t.iteration, t.prompt_slot, t.sample_index, t.prompt_index, "
    "t.prompt_text, "
    "t.response_text, t.finish_reason, t.raw_score, t.score, t.score_spread, t.kl, t.beta, t.policy_version, "
    "t.policy_hash, k.prompt_ids, k.response_ids, k.sampling_logprobs, k.policy_logprobs, "
    "k.reference_logprobs, "
    "k.rewards, k.\"values\", k.advantages, t.prompt_id "
    "FROM trajectories t LEFT JOIN trajectory_tokens k ON k.trajectory_id = t.id ";

template <class T>
std::vector<T> vector_of(const SQLite::Column& column) {
  const auto bytes = static_cast<std::size_t>(column.getBytes());
  if (bytes % sizeof(T) != 0) throw UserError("the ledger holds a per-token blob of a wrong size");
  std::vector<T> values(bytes / sizeof(T));
  if (bytes > 0) std::memcpy(values.data(), column.getBlob(), bytes);
  return values;
}

/// SQLite keeps a NaN as NULL.
double number(const SQLite::Column& column) {
  return column.isNull() ? std::numeric_limits<double>::quiet_NaN() : column.getDouble();
}

StoredTrajectory stored_trajectory(SQLite::Statement& row) {
  StoredTrajectory stored{
      row.getColumn(0).getInt64(), row.getColumn(1).getInt64(), row.getColumn(2).getInt64(), {}, {}};
  if (!row.getColumn(25).isNull()) stored.prompt_id = row.getColumn(25).getInt64();
  TrajectoryRecord& record = stored.record;
  Trajectory& trajectory = record.trajectory;
  trajectory.iteration = row.getColumn(3).getInt64();
  trajectory.prompt_slot = row.getColumn(4).getInt();
  trajectory.sample_index = row.getColumn(5).getInt();
  trajectory.prompt_index = row.getColumn(6).getInt64();
  record.prompt_text = row.getColumn(7).getString();
  record.response_text = row.getColumn(8).getString();
  trajectory.finish_reason =
      row.getColumn(9).getString() == std::string("stop") ? FinishReason::kStop : FinishReason::kLength;
  trajectory.raw_score = number(row.getColumn(10));
  trajectory.score = number(row.getColumn(11));
  trajectory.score_spread = number(row.getColumn(12));
  record.kl = number(row.getColumn(13));
  record.beta = number(row.getColumn(14));
  trajectory.policy_version = row.getColumn(15).getInt64();
  if (!row.getColumn(16).isNull()) trajectory.policy_hash = row.getColumn(16).getString();
  trajectory.prompt_ids = vector_of<TokenId>(row.getColumn(17));
  trajectory.response_ids = vector_of<TokenId>(row.getColumn(18));
  trajectory.logprobs = vector_of<float>(row.getColumn(19));
  record.policy_logprobs = vector_of<float>(row.getColumn(20));
  record.reference_logprobs = vector_of<float>(row.getColumn(21));
  record.rewards = vector_of<float>(row.getColumn(22));
  record.values = vector_of<float>(row.getColumn(23));
  record.advantages = vector_of<float>(row.getColumn(24));
  return stored;
}

}  // namespace

class LedgerTrajectories::Writer {
 public:
  Writer(Database::Connection& connection, int64_t run, bool per_token)
      : connection_(connection),
        run_(run),
        per_token_(per_token),
        rows_(connection.db),
        add_(connection.db, kAdd),
        add_tokens_(connection.db, kAddTokens) {}

  Database::Connection& connection() { return connection_; }

  void set_prompts(const std::vector<Prompt>& prompts) {
    prompt_ids_.clear();
    for (const Prompt& prompt : prompts) prompt_ids_.push_back(rows_.find_prompt(PromptKey(prompt).canon));
  }

  void append(int64_t step, const std::vector<TrajectoryRecord>& records) {
    WriteTransaction transaction(connection_);
    for (const TrajectoryRecord& record : records) add(step, record);
    transaction.commit();
  }

  void truncate_after(int64_t step) {
    WriteTransaction transaction(connection_);
    SQLite::Statement drop(connection_.db, "DELETE FROM trajectories WHERE run_id = ? AND step > ?");
    execute(drop, run_, step);
    transaction.commit();
  }

 private:
  void add(int64_t step, const TrajectoryRecord& record) {
    const Trajectory& t = record.trajectory;
    const auto tokens = static_cast<int64_t>(t.response_ids.size());
    const char* finish = t.finish_reason == FinishReason::kStop ? "stop" : "length";
    execute(add_, run_, step, t.iteration, t.prompt_slot, t.sample_index, t.prompt_index, prompt_id(record),
            record.prompt_text, record.response_text, tokens, finish, t.raw_score, t.score, t.score_spread,
            record.kl, record.beta, t.policy_version, TextOrNull{t.policy_hash});
    if (!per_token_) return;
    execute(add_tokens_, connection_.db.getLastInsertRowid(), blob(t.prompt_ids), blob(t.response_ids),
            blob(t.logprobs), blob(record.policy_logprobs), blob(record.reference_logprobs),
            blob(record.rewards), blob(record.values), blob(record.advantages));
  }

  /// The ledger's own row of the prompt.
  std::optional<int64_t> prompt_id(const TrajectoryRecord& record) {
    const auto index = static_cast<std::size_t>(record.trajectory.prompt_index);
    if (index < prompt_ids_.size()) return prompt_ids_[index];
    return rows_.find_prompt(sha256_digest("text\n" + record.prompt_text));
  }

  Database::Connection& connection_;
  const int64_t run_;
  const bool per_token_;
  LedgerRows rows_;
  std::vector<std::optional<int64_t>> prompt_ids_;  // by index
  SQLite::Statement add_, add_tokens_;
};

LedgerTrajectories::LedgerTrajectories(Database& database, int64_t run, bool per_token) {
  guarded(database.connection(),
          [&] { writer_ = std::make_unique<Writer>(database.connection(), run, per_token); });
}

LedgerTrajectories::~LedgerTrajectories() = default;

void LedgerTrajectories::set_prompts(const std::vector<Prompt>& prompts) {
  guarded(writer_->connection(), [&] { writer_->set_prompts(prompts); });
}

void LedgerTrajectories::append(int64_t step, const std::vector<TrajectoryRecord>& records) {
  guarded(writer_->connection(), [&] { writer_->append(step, records); });
}

void LedgerTrajectories::truncate_after(int64_t step) {
  guarded(writer_->connection(), [&] { writer_->truncate_after(step); });
}

std::optional<StoredTrajectory> read_trajectory(Database& database, int64_t id) {
  return guarded(database.connection(), [&]() -> std::optional<StoredTrajectory> {
    SQLite::Statement row(database.connection().db, std::string(kRead) + "WHERE t.id = ?");
    if (!bind_all(row, id).executeStep()) return std::nullopt;
    return stored_trajectory(row);
  });
}

void for_each_trajectory(Database& database, int64_t run, int64_t first_step, int64_t last_step,
                         const std::function<void(const StoredTrajectory&)>& visit) {
  guarded(database.connection(), [&] {
    SQLite::Statement rows(
        database.connection().db,
        std::string(kRead) +
            "WHERE t.run_id = ? AND t.step BETWEEN ? AND ? ORDER BY t.step, t.prompt_slot, "
            "t.sample_index");
    bind_all(rows, run, first_step, last_step);
    while (rows.executeStep()) visit(stored_trajectory(rows));
  });
}

}  // namespace rlhf
