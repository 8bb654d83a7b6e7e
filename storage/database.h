#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>

namespace rlhf {

enum class IfAbsent { kCreate, kRefuse };

/// A connection to a ledger: one SQLite file in WAL mode that many processes may read and write at once; a
/// writer waits for the others up to `busy_timeout_ms`. What is committed survives kill -9 and loss of power.
///
/// Opening brings an older schema up to date, one numbered migration after the other. Throws UserError when
/// the file is absent or empty (kRefuse), is not a ledger, is damaged, or was made by a newer program;
/// WorldError when the disk fails or other writers hold it for too long. The same goes for everything that
/// uses a Database.
///
/// Use a Database and the stores on it from one thread at a time; open another to work at the same time. Must
/// outlive its stores. A process that forks must not use its connections in the child.
class Database {
 public:
  explicit Database(const std::filesystem::path& file, IfAbsent if_absent = IfAbsent::kCreate,
                    int busy_timeout_ms = 60000);
  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  const std::filesystem::path& path() const;
  int schema_version() const;

  struct Connection;  // storage/connection.h: for the stores
  Connection& connection() const { return *connection_; }

 private:
  std::unique_ptr<Connection> connection_;
};

/// The schema this program writes.
int latest_schema_version();

}  // namespace rlhf
