#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "contract/sha256.h"
#include "storage/database.h"

// What the stores share: for .cpp files of storage/ only.

namespace rlhf {

struct Database::Connection {
  std::filesystem::path path;
  SQLite::Database db;
};

/// Throws what a failure of SQLite means to the user: UserError for a damaged or foreign file, else
/// WorldError.
[[noreturn]] void throw_translated(const SQLite::Exception& error, const std::filesystem::path& path);

/// Calls `work`, turning SQLite's exceptions into ours.
template <class Work>
auto guarded(const Database::Connection& connection, Work&& work) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    throw_translated(error, connection.path);
  }
}

/// BEGIN IMMEDIATE: takes the write lock at once, waiting for other writers, so that no statement in it can
/// fail for want of the lock. Rolls back at the end of the scope unless committed.
class WriteTransaction {
 public:
  explicit WriteTransaction(Database::Connection& connection);
  ~WriteTransaction();
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;
  void commit();

 private:
  SQLite::Database& db_;
  bool open_ = true;
};

/// One consistent view of the ledger for several statements, whatever others write meanwhile.
class Snapshot {
 public:
  explicit Snapshot(SQLite::Database& db) : db_(db) { db_.exec("BEGIN"); }
  ~Snapshot() { db_.tryExec("ROLLBACK"); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  SQLite::Database& db_;
};

/// A blob that is bound without a copy.
struct BlobView {
  const void* data = nullptr;
  std::size_t size = 0;
};

template <class T>
BlobView blob(const std::vector<T>& values) {
  return {values.data(), values.size() * sizeof(T)};
}
inline BlobView blob(const Sha256Digest& digest) {
  return {digest.data(), digest.size()};
}

/// Text where there is some, NULL for an empty string.
struct TextOrNull {
  const std::string& text;
};

inline void bind_value(SQLite::Statement& s, int i, int64_t value) {
  s.bind(i, value);
}
inline void bind_value(SQLite::Statement& s, int i, int value) {
  s.bind(i, value);
}
inline void bind_value(SQLite::Statement& s, int i, double value) {
  s.bind(i, value);
}
inline void bind_value(SQLite::Statement& s, int i, std::nullptr_t) {
  s.bind(i);
}
inline void bind_value(SQLite::Statement& s, int i, const std::string& value) {
  s.bindNoCopy(i, value);
}
inline void bind_value(SQLite::Statement& s, int i, const char* value) {
  s.bindNoCopy(i, value);
}
void bind_value(SQLite::Statement& s, int i, BlobView value);
inline void bind_value(SQLite::Statement& s, int i, const Sha256Digest& value) {
  bind_value(s, i, blob(value));
}
inline void bind_value(SQLite::Statement& s, int i, TextOrNull value) {
  if (value.text.empty())
    s.bind(i);
  else
    s.bindNoCopy(i, value.text);
}
template <class T>
void bind_value(SQLite::Statement& s, int i, const std::optional<T>& value) {
  if (value)
    bind_value(s, i, *value);
  else
    s.bind(i);
}

/// Binds `values` to the statement's parameters in order. Text and blobs are not copied: they must live until
/// the statement is reset.
template <class... Values>
SQLite::Statement& bind_all(SQLite::Statement& statement, const Values&... values) {
  statement.tryReset();
  int index = 0;
  (bind_value(statement, ++index, values), ...);
  return statement;
}

/// Runs a statement that returns no row; gives the number of rows it changed.
template <class... Values>
int execute(SQLite::Statement& statement, const Values&... values) {
  const int changed = bind_all(statement, values...).exec();
  statement.reset();
  return changed;
}

/// The first column of the first row as an integer; nothing when there is no row or it is NULL.
template <class... Values>
std::optional<int64_t> first_integer(SQLite::Statement& statement, const Values&... values) {
  std::optional<int64_t> result;
  if (bind_all(statement, values...).executeStep() && !statement.getColumn(0).isNull())
    result = statement.getColumn(0).getInt64();
  statement.reset();
  return result;
}

/// Moves the ledger's clock on and returns the new tick. Inside a transaction.
int64_t tick(SQLite::Database& db);

}  // namespace rlhf
