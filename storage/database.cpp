#include "storage/database.h"

#include <chrono>
#include <thread>

#include <sqlite3.h>

#include "contract/error.h"
#include "storage/connection.h"
#include "storage/schema.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

constexpr int kApplicationId = 0x524C4846;  // "RLHF"

int64_t pragma(SQLite::Database& db, const std::string& name) {
  return db.execAndGet("PRAGMA " + name).getInt64();
}

/// WAL is a property of the file. Switching to it takes a lock that SQLite does not wait for.
void switch_to_wal(SQLite::Database& db, int busy_timeout_ms) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(busy_timeout_ms);
  while (true) {
    if (db.execAndGet("PRAGMA journal_mode").getString() == "wal") return;
    try {
      db.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || std::chrono::steady_clock::now() > deadline) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void refuse_foreign(SQLite::Database& db, const fs::path& path, IfAbsent if_absent) {
  // In this order: another process that makes the ledger meanwhile commits tables and id at once.
  const bool empty = db.execAndGet("SELECT COUNT(*) FROM sqlite_master").getInt64() == 0;
  const int64_t application = pragma(db, "application_id");
  if (application != kApplicationId && !(application == 0 && empty))
    throw UserError(path.string() + " is an SQLite database, but not a ledger of this program");
  // A ledger that was cut to nothing, or copied without its -wal, would pass for one still to be made.
  if (application == 0 && if_absent == IfAbsent::kRefuse)
    throw UserError(
        path.string() +
        " is empty: not a ledger, or not all of one (rlhf data backup copies one that is in use)");
  const int64_t version = pragma(db, "user_version");
  if (version < 0 || (version == 0 && application == kApplicationId))
    throw UserError(path.string() + " has schema version " + std::to_string(version) +
                    ", which no program wrote; the file is damaged, restore a backup");
  if (version > latest_schema_version())
    throw UserError(path.string() + " has schema version " + std::to_string(version) +
                    ", made by a newer program; this one knows up to version " +
                    std::to_string(latest_schema_version()) + ". Use the newer program.");
}

void migrate(Database::Connection& connection, IfAbsent if_absent) {
  SQLite::Database& db = connection.db;
  if (pragma(db, "user_version") == latest_schema_version()) return;
  WriteTransaction transaction(connection);
  refuse_foreign(db, connection.path, if_absent);  // another process may have been faster
  const auto migrations = schema_migrations();
  for (auto version = static_cast<std::size_t>(pragma(db, "user_version")); version < migrations.size();
       ++version)
    db.exec(std::string(migrations[version]));
  db.exec("PRAGMA application_id = " + std::to_string(kApplicationId));
  db.exec("PRAGMA user_version = " + std::to_string(migrations.size()));
  transaction.commit();
}

/// SQLite counts every allocation under a lock that all connections share; nobody reads the figures.
void keep_no_memory_statistics() {
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(once);
}

SQLite::Database open(const fs::path& file, IfAbsent if_absent, int busy_timeout_ms) {
  if (if_absent == IfAbsent::kRefuse && !fs::exists(file)) throw UserError(file.string() + " does not exist");
  if (fs::is_directory(file)) throw UserError(file.string() + " is a folder; --db takes a file");
  keep_no_memory_statistics();
  const int create = if_absent == IfAbsent::kCreate ? SQLite::OPEN_CREATE : 0;
  // One thread at a time uses a connection: SQLite need not lock it for every column.
  return SQLite::Database(file, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX | create, busy_timeout_ms);
}

}  // namespace

Database::Database(const fs::path& file, IfAbsent if_absent, int busy_timeout_ms) {
  try {
    connection_.reset(new Connection{file, open(file, if_absent, busy_timeout_ms)});
    SQLite::Database& db = connection_->db;
    db.exec("PRAGMA foreign_keys = ON");
    refuse_foreign(db, file, if_absent);
    switch_to_wal(db, busy_timeout_ms);
    db.exec("PRAGMA synchronous = FULL");
    db.exec("PRAGMA temp_store = MEMORY");
    db.exec("PRAGMA cache_size = -65536");  // KiB
    // Hashes scatter an import's rows over its indexes: pages are changed many times before they are worth
    // copying from the WAL to the file.
    db.exec("PRAGMA wal_autocheckpoint = 8192");  // pages of 4 KiB
    migrate(*connection_, if_absent);
  } catch (const SQLite::Exception& error) {
    throw_translated(error, file);
  }
}

Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

const fs::path& Database::path() const {
  return connection_->path;
}

int Database::schema_version() const {
  return guarded(*connection_, [&] { return static_cast<int>(pragma(connection_->db, "user_version")); });
}

int latest_schema_version() {
  return static_cast<int>(schema_migrations().size());
}

void throw_translated(const SQLite::Exception& error, const fs::path& path) {
  const std::string why = path.string() + ": " + error.what();
  switch (error.getErrorCode()) {
    case SQLITE_NOTADB:
      throw UserError(path.string() + " is not an SQLite database");
    case SQLITE_CORRUPT:
      throw UserError(why + "; the file is damaged, restore a backup");
    case SQLITE_BUSY:
      throw WorldError(why + "; another process has been writing to it for too long");
    default:
      throw WorldError(why);
  }
}

WriteTransaction::WriteTransaction(Database::Connection& connection) : db_(connection.db) {
  db_.exec("BEGIN IMMEDIATE");
}

WriteTransaction::~WriteTransaction() {
  if (open_) db_.tryExec("ROLLBACK");
}

void WriteTransaction::commit() {
  db_.exec("COMMIT");
  open_ = false;
}

void bind_value(SQLite::Statement& s, int i, BlobView value) {
  // A null pointer would bind NULL; an empty blob is not NULL.
  s.bindNoCopy(i, value.size ? value.data : "", static_cast<int>(value.size));
}

int64_t tick(SQLite::Database& db) {
  SQLite::Statement statement(db, "UPDATE clock SET tick = tick + 1 RETURNING tick");
  statement.executeStep();
  const int64_t now = statement.getColumn(0).getInt64();
  statement.executeStep();
  return now;
}

}  // namespace rlhf
