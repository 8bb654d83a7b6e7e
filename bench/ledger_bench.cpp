// Pieces of bench/ledger.py that need the ledger's own code or SQLite's, each a line of JSON on standard
// output:
//   ledger_bench bare FROM TO JOURNAL        the rows of FROM inserted into a new file of the same schema
//   ledger_bench read LEDGER SPLIT CAMPAIGN  rankings as a trainer reads them ("" is no campaign)
//   ledger_bench trajectories LEDGER STEPS BATCH TOKENS
#include <chrono>
#include <cstdint>
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "storage/ledger_records.h"
#include "storage/run_store.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// All rows of a table, in memory.
class Rows {
 public:
  Rows(SQLite::Database& from, const std::string& table) {
    SQLite::Statement rows(from, "SELECT * FROM " + table);
    columns_ = rows.getColumnCount();
    while (rows.executeStep())
      for (int i = 0; i < columns_; ++i) keep(rows.getColumn(i));
  }

  std::string insert_into(const std::string& table) const {
    std::string sql = "INSERT INTO " + table + " VALUES (?";
    for (int i = 1; i < columns_; ++i) sql += ",?";
    return sql + ")";
  }

  void insert(sqlite3* into, const std::string& table) const {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(into, insert_into(table).c_str(), -1, &statement, nullptr);
    for (std::size_t at = 0; at < cells_.size(); at += static_cast<std::size_t>(columns_)) {
      for (int i = 0; i < columns_; ++i) bind(statement, i + 1, cells_[at + static_cast<std::size_t>(i)]);
      if (sqlite3_step(statement) != SQLITE_DONE) throw SQLite::Exception(into);
      sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
  }

 private:
  struct Cell {
    int type = SQLITE_NULL;
    int bytes = 0;
    union {
      sqlite3_int64 integer;
      double real;
      std::size_t offset;
    };
  };

  void keep(const SQLite::Column& column) {
    Cell cell;
    cell.type = column.getType();
    if (cell.type == SQLITE_INTEGER) cell.integer = column.getInt64();
    if (cell.type == SQLITE_FLOAT) cell.real = column.getDouble();
    if (cell.type == SQLITE_TEXT || cell.type == SQLITE_BLOB) {
      cell.offset = bytes_.size();
      const void* data = column.getBlob();
      cell.bytes = column.getBytes();
      if (cell.bytes > 0) bytes_.append(static_cast<const char*>(data), static_cast<std::size_t>(cell.bytes));
    }
    cells_.push_back(cell);
  }

  void bind(sqlite3_stmt* statement, int index, const Cell& cell) const {
    if (cell.type == SQLITE_INTEGER) sqlite3_bind_int64(statement, index, cell.integer);
    if (cell.type == SQLITE_FLOAT) sqlite3_bind_double(statement, index, cell.real);
    if (cell.type == SQLITE_TEXT)
      sqlite3_bind_text(statement, index, bytes_.data() + cell.offset, cell.bytes, SQLITE_STATIC);
    if (cell.type == SQLITE_BLOB)
      sqlite3_bind_blob(statement, index, bytes_.data() + cell.offset, cell.bytes, SQLITE_STATIC);
    if (cell.type == SQLITE_NULL) sqlite3_bind_null(statement, index);
  }

  int columns_ = 0;
  std::vector<Cell> cells_;
  std::string bytes_;
};

/// Adds up the time of the sections between begin() and end(): of day, and of the processor.
class Stopwatch {
 public:
  void begin() {
    begun_ = Clock::now();
    processor_begun_ = std::clock();
  }
  void end() {
    seconds_ += seconds_since(begun_);
    processor_seconds_ += static_cast<double>(std::clock() - processor_begun_) / CLOCKS_PER_SEC;
  }
  std::string json() const {
    return "{\"seconds\": " + std::to_string(seconds_) +
           ", \"processor_seconds\": " + std::to_string(processor_seconds_) + "}";
  }

 private:
  Clock::time_point begun_;
  std::clock_t processor_begun_ = 0;
  double seconds_ = 0, processor_seconds_ = 0;
};

/// Of inserting, commit and close included, reading from FROM not.
Stopwatch bare(const std::string& from_path, const std::string& to_path, const std::string& journal) {
  SQLite::Database from(from_path, SQLite::OPEN_READONLY);
  auto to = std::make_unique<SQLite::Database>(to_path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  to->exec("PRAGMA journal_mode = " + journal);
  to->exec("PRAGMA synchronous = FULL; PRAGMA cache_size = -262144; PRAGMA wal_autocheckpoint = 8192");
  SQLite::Statement schema(from, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid");
  while (schema.executeStep()) to->exec(schema.getColumn(0).getString());
  to->exec("DELETE FROM clock; BEGIN IMMEDIATE");
  Stopwatch inserting;
  SQLite::Statement tables(from, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid");
  while (tables.executeStep()) {
    const std::string table = tables.getColumn(0).getString();
    const Rows rows(from, table);
    inserting.begin();
    rows.insert(to->getHandle(), table);
    inserting.end();
  }
  inserting.begin();
  to->exec("COMMIT");
  to.reset();
  inserting.end();
  return inserting;
}

void read(const std::string& ledger, const std::string& split, const std::string& campaign) {
  const auto begin = Clock::now();
  rlhf::Database database(ledger, rlhf::IfAbsent::kRefuse);
  rlhf::LedgerSelection selection;
  selection.split = split;
  selection.campaign = campaign;
  const std::size_t rankings = rlhf::LedgerPreferences(database, selection).rankings().size();
  std::cout << "{\"rankings\": " << rankings << ", \"seconds\": " << seconds_since(begin) << "}\n";
}

rlhf::TrajectoryRecord trajectory(int32_t slot, std::size_t tokens) {
  rlhf::TrajectoryRecord record;
  record.trajectory.prompt_slot = slot;
  record.trajectory.prompt_index = slot;
  record.trajectory.prompt_ids.assign(32, 7);
  record.trajectory.response_ids.assign(tokens, 9);
  record.trajectory.logprobs.assign(tokens, -1.5F);
  record.policy_logprobs = record.reference_logprobs = record.trajectory.logprobs;
  record.rewards = record.values = record.advantages = record.trajectory.logprobs;
  record.prompt_text.assign(150, 'p');
  record.response_text.assign(4 * tokens, 'r');
  return record;
}

void write_trajectories(const std::string& ledger, int64_t steps, int32_t batch, std::size_t tokens) {
  rlhf::Database database(ledger);
  const std::string uid = "bench " + std::to_string(Clock::now().time_since_epoch().count());
  const int64_t run = rlhf::open_run(database, {uid, "ppo", "bench", "{}", {}, "none", {}});
  rlhf::LedgerTrajectories trajectories(database, run);
  rlhf::LedgerMetrics metrics(database, run);
  rlhf::LedgerSelection selection;
  selection.split = "valid";
  trajectories.set_prompts(rlhf::LedgerPrompts(database, selection).prompts());
  std::vector<rlhf::TrajectoryRecord> records;
  for (int32_t slot = 0; slot < batch; ++slot) records.push_back(trajectory(slot, tokens));
  double seconds = 0;
  for (int64_t step = 1; step <= steps; ++step) {
    const auto begin = Clock::now();
    trajectories.append(step, records);
    seconds += seconds_since(begin);
    metrics.log(step, {{"objective/scores", 0.01 * static_cast<double>(step % 17)}, {"objective/kl", 1.0}});
  }
  std::cout << "{\"trajectories\": " << steps * batch << ", \"seconds\": " << seconds
            << ", \"milliseconds_a_step\": " << 1000 * seconds / static_cast<double>(steps) << "}\n";
}

int run(const std::vector<std::string>& words) {
  if (words.size() == 4 && words[0] == "bare") {
    std::cout << bare(words[1], words[2], words[3]).json() << '\n';
  } else if (words.size() == 4 && words[0] == "read") {
    read(words[1], words[2], words[3]);
  } else if (words.size() == 5 && words[0] == "trajectories") {
    write_trajectories(words[1], std::stoll(words[2]), std::stoi(words[3]), std::stoul(words[4]));
  } else {
    std::cerr << "see the head of bench/ledger_bench.cpp\n";
    return 2;
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run({words + 1, words + count});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
