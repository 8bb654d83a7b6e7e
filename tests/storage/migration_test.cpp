// A ledger of every earlier schema version is brought up to date with nothing lost.
#include <map>

#include "contract/error.h"
#include "storage/annotation_store.h"
#include "storage/ledger_check.h"
#include "storage/run_data.h"
#include "storage/schema.h"
#include "tests/storage/full_ledger.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

/// A ledger as the program of schema `version` left it, with rows in every table it had
/// (tests/parity/make_old_ledgers.py).
void make_ledger_of(int version, const std::filesystem::path& file) {
  SQLite::Database db(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec("PRAGMA journal_mode = WAL; BEGIN");
  for (int i = 0; i < version; ++i) {
    db.exec(std::string(schema_migrations()[static_cast<std::size_t>(i)]));
    db.exec(test::read_file(test::fixture("ledgers/" + std::to_string(i + 1) + ".sql")));
  }
  db.exec("PRAGMA application_id = 0x524C4846");
  db.exec("PRAGMA user_version = " + std::to_string(version) + "; COMMIT");
}

std::string schema_of(const std::filesystem::path& file) {
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  return db.execAndGet("SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master ORDER BY name)");
}

/// Columns of each table of the file.
std::map<std::string, std::string> columns_of(const std::filesystem::path& file) {
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  SQLite::Statement tables(
      db,
      "SELECT m.name, (SELECT group_concat('\"' || name || '\"') FROM pragma_table_info(m.name)) "
      "FROM sqlite_master m WHERE m.type = 'table' ORDER BY 1");
  std::map<std::string, std::string> columns;
  while (tables.executeStep()) columns[tables.getColumn(0).getString()] = tables.getColumn(1).getString();
  return columns;
}

std::string rows_of(const std::filesystem::path& file, const std::string& table, const std::string& columns) {
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  SQLite::Statement rows(db, "SELECT " + columns + " FROM " + table + " ORDER BY " + columns);
  std::string text;
  while (rows.executeStep()) {
    for (int i = 0; i < rows.getColumnCount(); ++i) text += rows.getColumn(i).getString() + "|";
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("every earlier schema becomes the newest one, and keeps every row") {
  test::TemporaryFolder folder;
  { Database newest(folder / "newest.db"); }
  for (int version = 1; version < latest_schema_version(); ++version) {
    INFO("version " << version);
    const auto file = folder / (std::to_string(version) + ".db");
    make_ledger_of(version, file);
    std::map<std::string, std::string> columns = columns_of(file), before;
    columns.erase("run_data");             // version 3 gave it a role
    columns.erase("campaign_annotators");  // version 4 dropped it, unused
    for (const auto& [table, of_table] : columns) {
      before[table] = rows_of(file, table, of_table);
      CHECK_FALSE(before[table].empty());
    }
    Database database(file, IfAbsent::kRefuse);
    CHECK(database.schema_version() == latest_schema_version());
    CHECK(schema_of(file) == schema_of(folder / "newest.db"));
    for (const auto& [table, of_table] : columns) {
      INFO(table);
      if (table != "draws") CHECK(rows_of(file, table, of_table) == before[table]);
    }
    CHECK(verify_ledger(database).problems.empty());
  }
}

TEST_CASE("what earlier versions kept otherwise is read as it was meant") {
  test::TemporaryFolder folder;
  std::map<int, std::string> said;
  for (int version = 1; version < latest_schema_version(); ++version) {
    INFO("version " << version);
    const auto file = folder / (std::to_string(version) + ".db");
    make_ledger_of(version, file);
    Database database(file, IfAbsent::kRefuse);
    SQLite::Database db(file, SQLite::OPEN_READONLY);
    // Draws were the responses' sample indexes until version 2.
    CHECK(db.execAndGet("SELECT samples FROM draws WHERE prompt_id = 1 AND seed = 7").getInt() == 3);
    CHECK(db.execAndGet("SELECT COUNT(*) FROM draws").getInt() == (version >= 2 ? 2 : 1));
    const std::vector<RunData> parts = run_data(database, 1);
    REQUIRE(parts.size() == (version >= 3 ? 2U : 1U));
    CHECK(parts[0].role == "train");
    CHECK(parts[0].selection.through_tick == 5);
    CHECK(parts[0].sha256.substr(0, 2) == "ef");
    CHECK(db.execAndGet("SELECT COUNT(*) FROM agreement").getInt() == 0);  // bob tied them
    said[version] = test::said_in(database);
    CHECK(said[version] == said[1]);
    // People go on where they were.
    AnnotationStore store(database);
    const auto draft = store.undo(1, 2);
    REQUIRE(draft);
    store.submit(2, draft->annotation_id, {{2, 1}, "", {}});
    CHECK(db.execAndGet("SELECT pairs FROM agreement").getInt() == 1);
    CHECK(verify_ledger(database).problems.empty());
  }
  CHECK_THAT(said[1], test::contains("annotation 1|"));
  CHECK_THAT(said[1], test::contains("annotation 3|Which film?|"));
  CHECK_THAT(said[1], !test::contains("annotation 2|"));
}

TEST_CASE("a migration that fails leaves the ledger as it was") {
  test::TemporaryFolder folder;
  const auto file = folder / "x.db";
  make_ledger_of(1, file);
  SQLite::Database(file, SQLite::OPEN_READWRITE).exec("CREATE TABLE annotator_links(x)");
  const std::string before = schema_of(file);
  CHECK_THROWS_AS(Database(file), WorldError);
  CHECK(schema_of(file) == before);
  SQLite::Database db(file, SQLite::OPEN_READWRITE);
  CHECK(db.execAndGet("PRAGMA user_version").getInt() == 1);
  db.exec("DROP TABLE annotator_links");
  CHECK(Database(file).schema_version() == latest_schema_version());
}
