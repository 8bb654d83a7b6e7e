// A ledger of every earlier schema version is brought up to date with nothing lost.
#include "storage/schema.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

/// A ledger as the program of schema `version` left it, with `rows` in it.
void make_ledger_of(int version, const std::filesystem::path& file, const std::string& rows) {
  SQLite::Database db(file, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  for (int i = 0; i < version; ++i) db.exec(std::string(schema_migrations()[static_cast<std::size_t>(i)]));
  db.exec("PRAGMA application_id = 0x524C4846");
  db.exec("PRAGMA user_version = " + std::to_string(version));
  db.exec(rows);
}

std::string schema_of(const std::filesystem::path& file) {
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  return db.execAndGet("SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master ORDER BY name)");
}

}  // namespace

TEST_CASE("every earlier schema becomes the newest one") {
  test::TemporaryFolder folder;
  { Database newest(folder / "newest.db"); }
  for (int version = 1; version < latest_schema_version(); ++version) {
    const auto file = folder / (std::to_string(version) + ".db");
    make_ledger_of(version, file, "");
    CHECK(Database(file).schema_version() == latest_schema_version());
    CHECK(schema_of(file) == schema_of(folder / "newest.db"));
  }
}

TEST_CASE("draws are counted from the responses of a ledger of version 1") {
  test::TemporaryFolder folder;
  make_ledger_of(1, folder / "x.db", R"sql(
    INSERT INTO models(id, model_hash, name, created_ms) VALUES (1, 'h', 'm', 0);
    INSERT INTO prompts(id, canon_sha256, norm_sha256, text, split) VALUES (1, x'01', x'01', 'p', 'train');
    INSERT INTO sampling VALUES (1, x'02', 1, 0, 1, 0, 1, 8, '[]', 'rlhf');
    INSERT INTO responses(prompt_id, text, text_sha256, model_id, sampling_id, seed, sample_index, created_ms)
      VALUES (1, 'a', x'0A', 1, 1, 7, 0, 0), (1, 'b', x'0B', 1, 1, 7, 2, 0), (1, 'c', x'0C', NULL, NULL, NULL, NULL, 0);
  )sql");
  { Database migrated(folder / "x.db"); }
  SQLite::Database db(folder / "x.db", SQLite::OPEN_READONLY);
  CHECK(db.execAndGet("SELECT COUNT(*) FROM draws").getInt() == 1);
  CHECK(db.execAndGet("SELECT samples FROM draws WHERE seed = 7").getInt() == 3);
  CHECK(db.execAndGet("SELECT COUNT(*) FROM responses").getInt() == 3);
}
