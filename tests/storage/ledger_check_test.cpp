#include "storage/ledger_check.h"

#include <cerrno>
#include <fstream>

#include "contract/error.h"
#include "storage/ledger_statistics.h"
#include "tests/storage/failing_disk.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::Ledger;
using test::ranking;

namespace {

std::vector<ImportRecord> some() {
  std::vector<ImportRecord> records;
  for (int i = 0; i < 40; ++i)
    records.push_back(ranking("Prompt " + std::to_string(i), {"a", "b", "c"}, {1, 2, i % 2 + 1}));
  records.push_back(ranking("PROMPT  3", {"a", "b"}, {2, 1}));
  records.back().provenance = {"set", "1", "", "mit", "worker", {}, "", {"m", "m"}, {}, {}};
  return records;
}

}  // namespace

TEST_CASE("a sound ledger passes the check") {
  Ledger ledger;
  test::import(ledger.database, some());
  const LedgerCheck check = verify_ledger(ledger.database);
  CHECK(check.problems.empty());
  CHECK(check.prompts == 41);
  CHECK(check.responses == 122);
  CHECK(check.annotations == 41);
}

TEST_CASE("what was tampered with is named") {
  Ledger ledger;
  test::import(ledger.database, some());
  SQLite::Database db(ledger.file, SQLite::OPEN_READWRITE);
  const auto problem_after = [&](const std::string& sql) {
    db.exec(sql);
    const auto problems = verify_ledger(ledger.database).problems;
    return problems.empty() ? std::string("none") : problems.back();
  };
  using test::contains;
  CHECK_THAT(problem_after("UPDATE prompts SET text = 'other' WHERE id = 3"), contains("prompt 3"));
  CHECK_THAT(problem_after("UPDATE responses SET text = 'other' WHERE id = 5"), contains("response 5"));
  db.exec("DROP TRIGGER ranks_are_final; DROP TRIGGER annotations_are_final");
  CHECK_THAT(problem_after("UPDATE ranks SET rank = 7 WHERE annotation_id = 6"), contains("annotation 6"));
  CHECK_THAT(problem_after("UPDATE annotations SET prompt_id = 9 WHERE id = 8"), contains("annotation 8"));
  CHECK_THAT(problem_after("UPDATE annotations SET submitted_tick = 99 WHERE id = 1"),
             contains("annotation 1 has"));
  db.exec("PRAGMA foreign_keys = OFF");
  CHECK_THAT(problem_after("DELETE FROM responses WHERE id = 1"), contains("refers to a row of responses"));
}

TEST_CASE("a damaged file is told, a cut one too") {
  test::TemporaryFolder folder;
  const auto file = folder / "x.db";
  {
    Database database(file);
    test::import(database, some());
  }
  {
    std::fstream damage(file, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 2; page < 40; ++page) {
      damage.seekp(page * 4096 + 200);
      damage << std::string(600, '\xaa');
    }
  }
  bool told = false;
  try {
    Database database(file);
    told = !verify_ledger(database).problems.empty();
  } catch (const UserError& error) {
    told = std::string(error.what()).find("damaged") != std::string::npos;
  }
  CHECK(told);
}

TEST_CASE("a backup taken while others write is whole and opens as a ledger") {
  Ledger ledger;
  test::import(ledger.database, some());
  {
    Database writer(ledger.file);
    LedgerImport pending(writer, {"f", "x", "kwise", "0", false});
    pending.add(ranking("late", {"a", "b"}, {1, 2}));
    backup_ledger(ledger.database, ledger.folder / "backup.db");
  }
  Database copy(ledger.folder / "backup.db", IfAbsent::kRefuse);
  CHECK(verify_ledger(copy).problems.empty());
  CHECK(verify_ledger(copy).annotations == 41);
  CHECK_THROWS_AS(backup_ledger(ledger.database, ledger.folder / "backup.db"), UserError);
  {
    test::FailingDisk full(test::FailingDisk::Call::kWrite, ENOSPC, 2);
    CHECK_THROWS_AS(backup_ledger(ledger.database, ledger.folder / "second.db"), WorldError);
  }
  for (const auto& entry : std::filesystem::directory_iterator(ledger.folder.path()))
    CHECK(entry.path().filename().string().find("second") == std::string::npos);
}

TEST_CASE("statistics agree with the comparisons the ledger derives") {
  Ledger ledger;
  test::import(ledger.database, some());
  int64_t comparisons = 0, ties = 0;
  for (const auto& split : ledger_statistics(ledger.database).splits) {
    comparisons += split.comparisons;
    ties += split.ties;
  }
  CHECK(comparisons == ledger.count("SELECT COUNT(*) FROM comparisons WHERE NOT is_tie"));
  CHECK(ties == ledger.count("SELECT COUNT(*) FROM comparisons WHERE is_tie"));
  CHECK(ties == 40);
}
