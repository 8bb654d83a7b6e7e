#include "storage/database.h"

#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
namespace fs = std::filesystem;

TEST_CASE("a new ledger is in WAL mode, marked as ours and at the newest schema") {
  test::Ledger ledger;
  CHECK(ledger.database.schema_version() == latest_schema_version());
  CHECK(ledger.text("PRAGMA journal_mode") == "wal");
  CHECK(ledger.count("PRAGMA application_id") == 0x524C4846);
  CHECK(ledger.count("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%STRICT%' "
                     "AND name NOT LIKE 'sqlite_%'") == 0);
  Database again(ledger.file, IfAbsent::kRefuse);
  CHECK(again.schema_version() == latest_schema_version());
}

TEST_CASE("what is not a ledger is refused, and left as it is") {
  test::TemporaryFolder folder;
  CHECK_THROWS_AS(Database(folder / "absent.db", IfAbsent::kRefuse), UserError);
  CHECK_FALSE(fs::exists(folder / "absent.db"));
  CHECK_THROWS_AS(Database(folder.path()), UserError);
  test::write_file(folder / "text.db", std::string(5000, 'x'));
  CHECK_THROWS_WITH(Database(folder / "text.db"), test::contains("not an SQLite database"));
  SQLite::Database(folder / "other.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE mine(x)");
  const std::string before = test::read_file(folder / "other.db");
  CHECK_THROWS_WITH(Database(folder / "other.db"), test::contains("not a ledger"));
  CHECK(test::read_file(folder / "other.db") == before);
  CHECK_THROWS_AS(Database(folder / "no/such/folder/x.db"), WorldError);
}

TEST_CASE("a ledger of a newer program is refused") {
  test::TemporaryFolder folder;
  { Database made(folder / "x.db"); }
  SQLite::Database(folder / "x.db", SQLite::OPEN_READWRITE)
      .exec("PRAGMA user_version = " + std::to_string(latest_schema_version() + 1));
  CHECK_THROWS_WITH(Database(folder / "x.db"), test::contains("made by a newer program"));
}

TEST_CASE("several processes may make one ledger at once") {
  test::TemporaryFolder folder;
  std::vector<pid_t> children;
  for (int i = 0; i < 6; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      try {
        Database database(folder / "x.db");
        _exit(database.schema_version() == latest_schema_version() ? 0 : 1);
      } catch (const std::exception&) {
        _exit(2);
      }
    }
  }
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
}
