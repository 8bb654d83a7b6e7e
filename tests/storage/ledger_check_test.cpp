#include "storage/ledger_check.h"

#include <cerrno>
#include <fstream>

#include "contract/error.h"
#include "storage/ledger_statistics.h"
#include "tests/storage/failing_disk.h"
#include "tests/storage/full_ledger.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::contains;
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
    std::string problems;
    for (const std::string& problem : verify_ledger(ledger.database).problems) problems += problem + "\n";
    return problems;
  };
  CHECK_THAT(problem_after("UPDATE prompts SET text = 'other' WHERE id = 3"), contains("prompt 3"));
  CHECK_THAT(problem_after("UPDATE responses SET text = 'other' WHERE id = 5"), contains("response 5"));
  // A program that goes round the triggers and puts them back.
  const auto problem_behind_triggers = [&](const std::string& sql) {
    const std::string names = "('annotations_are_final', 'ranks_are_final', 'ratings_are_final')";
    const std::string made =
        ledger.text("SELECT group_concat(sql, ';') FROM sqlite_master WHERE name IN " + names);
    db.exec(
        "DROP TRIGGER annotations_are_final; DROP TRIGGER ranks_are_final; DROP TRIGGER ratings_are_final");
    const std::string without = problem_after(sql);
    CHECK_THAT(without, contains("trigger"));
    return problem_after(made);
  };
  CHECK_THAT(problem_behind_triggers("UPDATE ranks SET rank = 7 WHERE annotation_id = 6"),
             contains("annotation 6"));
  CHECK_THAT(problem_behind_triggers("UPDATE ranks SET rank = 3 - rank WHERE annotation_id = 41"),
             contains("annotation 41 does not say"));
  CHECK_THAT(problem_behind_triggers("UPDATE annotations SET prompt_id = 9 WHERE id = 8"),
             contains("annotation 8"));
  CHECK_THAT(problem_behind_triggers("UPDATE annotations SET submitted_tick = 99 WHERE id = 1"),
             contains("annotation 1 "));
  db.exec("PRAGMA foreign_keys = OFF");
  CHECK_THAT(problem_after("DELETE FROM responses WHERE id = 1"), contains("refers to a row of responses"));
}

TEST_CASE("each thing an answer says is under its seal") {
  for (const std::string change :
       {"annotations SET note = 'other'", "annotations SET confidence = 0.25", "annotations SET margin = 2",
        "annotations SET source_id = 'other'", "annotations SET submitted_ms = submitted_ms + 1",
        "annotations SET annotator_id = NULL", "annotations SET import_id = NULL",
        "ranks SET position = position + 1", "ranks SET rank = 3 - rank", "ratings SET value = 9",
        "ratings SET aspect = 'other'"}) {
    INFO(change);
    Ledger ledger;
    ImportRecord record = ranking("p", {"a", "b"}, {1, 2});
    record.provenance = {"set", "1", "", "mit", "worker", 0.5, "why", {"m", "m"}, {}, {{0, "helpful", 3}}};
    test::import(ledger.database, {record});
    CHECK(verify_ledger(ledger.database).problems.empty());
    SQLite::Database db(ledger.file, SQLite::OPEN_READWRITE);
    const std::string made =
        ledger.text("SELECT group_concat(sql, ';') FROM sqlite_master WHERE type = 'trigger'");
    db.exec(
        "DROP TRIGGER annotations_are_final; DROP TRIGGER ranks_are_final; DROP TRIGGER ratings_are_final");
    db.exec("UPDATE " + change);
    db.exec("DROP TRIGGER annotations_are_kept; DROP TRIGGER ranks_are_kept; DROP TRIGGER ratings_are_kept");
    db.exec(made);
    REQUIRE(verify_ledger(ledger.database).problems.size() == 1);
    CHECK_THAT(verify_ledger(ledger.database).problems[0], contains("does not say what it said"));
  }
}

TEST_CASE("demonstrations, settings and guidelines are checked against their hashes") {
  Ledger ledger;
  test::fill_ledger(ledger.database);
  CHECK(verify_ledger(ledger.database).problems.empty());
  CHECK(verify_ledger(ledger.database).demonstrations == 20);
  SQLite::Database db(ledger.file, SQLite::OPEN_READWRITE);
  const auto problems_after = [&](const std::string& change, const std::string& back) {
    db.exec(change);
    const auto problems = verify_ledger(ledger.database).problems;
    db.exec(back);
    return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
  };
  CHECK_THAT(problems_after("UPDATE demonstrations SET completion = 'undone' WHERE id = 2",
                            "UPDATE demonstrations SET completion = 'done' WHERE id = 2"),
             contains("demonstration 2"));
  CHECK_THAT(problems_after("UPDATE sampling SET temperature = 2", "UPDATE sampling SET temperature = 1"),
             contains("sampling 1"));
  CHECK_THAT(problems_after("UPDATE campaigns SET guidelines = 'Prefer me.'",
                            "UPDATE campaigns SET guidelines = 'Prefer what is true.'"),
             contains("campaign 1"));
  CHECK(verify_ledger(ledger.database).problems.empty());
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
