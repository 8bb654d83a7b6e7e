// A ledger that was damaged, cut or copied while in use: verify tells, or nothing that was said has changed.
#include <algorithm>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "storage/ledger_check.h"
#include "tests/storage/full_ledger.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

/// The bytes of a ledger with something of everything in it, closed by all who used it.
struct Sound {
  test::TemporaryFolder folder;
  std::string bytes, said;

  Sound() {
    {
      Database database(folder / "x.db");
      test::fill_ledger(database);
      REQUIRE(verify_ledger(database).problems.empty());
      said = test::said_in(database);
    }
    REQUIRE_FALSE(fs::exists(folder / "x.db-wal"));
    bytes = test::read_file(folder / "x.db");
  }
};

enum class Verdict { kTold, kUnaffected, kMissed };

/// What `rlhf data verify` makes of these bytes.
Verdict verdict_on(const std::string& bytes, const std::string& said) {
  const test::TemporaryFolder folder;
  test::write_file(folder / "x.db", bytes);
  try {
    Database database(folder / "x.db", IfAbsent::kRefuse);
    if (!verify_ledger(database).problems.empty()) return Verdict::kTold;
    return test::said_in(database) == said ? Verdict::kUnaffected : Verdict::kMissed;
  } catch (const UserError&) {
    return Verdict::kTold;
  } catch (const WorldError&) {
    return Verdict::kTold;
  }
}

}  // namespace

TEST_CASE("one changed byte, wherever it is, is told or changes nothing that was said") {
  const Sound sound;
  std::mt19937 random(5);
  int told = 0;
  for (int i = 0; i < 400; ++i) {
    const std::size_t at = random() % sound.bytes.size();
    std::string damaged = sound.bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ static_cast<char>(1 + random() % 255));
    INFO("byte " << at << " of " << damaged.size() << " is "
                 << static_cast<int>(static_cast<unsigned char>(damaged[at])));
    const Verdict verdict = verdict_on(damaged, sound.said);
    CHECK(verdict != Verdict::kMissed);
    told += verdict == Verdict::kTold;
  }
  CHECK(told > 100);  // the rest are bytes that nothing is kept in, and curves
}

TEST_CASE("a run of lost bytes is told or changes nothing that was said") {
  const Sound sound;
  std::mt19937 random(6);
  for (int i = 0; i < 60; ++i) {
    std::string damaged = sound.bytes;
    const std::size_t at = random() % damaged.size();
    const std::size_t length = std::min<std::size_t>(1 + random() % 8192, damaged.size() - at);
    std::fill_n(damaged.begin() + static_cast<std::ptrdiff_t>(at), length, i % 2 ? '\0' : '\xaa');
    INFO(length << " bytes from " << at);
    CHECK(verdict_on(damaged, sound.said) != Verdict::kMissed);
  }
}

TEST_CASE("a file that was cut short is told") {
  const Sound sound;
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) {
    const std::size_t length = i == 0 ? 0 : random() % sound.bytes.size();
    INFO("cut to " << length << " of " << sound.bytes.size());
    CHECK(verdict_on(sound.bytes.substr(0, length), sound.said) == Verdict::kTold);
  }
}

TEST_CASE("a copy without the -wal file is the ledger of a moment before, or told") {
  const test::TemporaryFolder folder;
  Database database(folder / "x.db");
  SQLite::Database other(folder / "x.db", SQLite::OPEN_READWRITE);
  int told = 0, sound = 0;
  for (int i = 0; i < 12; ++i) {
    std::vector<ImportRecord> records;
    for (int j = 0; j < 100; ++j)
      records.push_back(test::ranking(std::to_string(i) + " " + std::to_string(j), {"a", "b"}, {1, 2}));
    test::import(database, records, std::to_string(i));
    if (i % 4 == 2) other.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    const fs::path copy = folder / ("copy " + std::to_string(i));
    fs::copy_file(folder / "x.db", copy);
    try {
      Database opened(copy, IfAbsent::kRefuse);
      const LedgerCheck check = verify_ledger(opened);
      CHECK(check.problems.empty());
      CHECK(check.annotations == 100 * (i / 4 * 4 + (i % 4 >= 2 ? 3 : -1)));
      ++sound;
    } catch (const UserError& error) {
      CHECK_THAT(error.what(), test::contains("rlhf data backup"));
      ++told;
    }
  }
  CHECK(told == 2);  // nothing was in the file yet
  CHECK(sound == 10);
}

TEST_CASE(
    "backups taken while several processes write are sound, and each holds what was committed before it") {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "x.db";
  { Database made(file); }
  std::vector<pid_t> writers;
  for (int w = 0; w < 3; ++w) {
    writers.push_back(fork());
    if (writers.back() != 0) continue;
    try {
      Database database(file);
      for (int i = 0; i < 40; ++i) {
        std::vector<ImportRecord> records;
        for (int j = 0; j < 50; ++j)
          records.push_back(
              test::ranking(std::to_string(w) + " " + std::to_string(50 * i + j), {"a", "b"}, {1, 2}));
        test::import(database, records, std::to_string(w) + "-" + std::to_string(i));
      }
      _exit(0);
    } catch (const std::exception&) {
      _exit(1);
    }
  }
  Database database(file);
  int64_t before = 0;
  for (int i = 0; i < 8; ++i) {
    const fs::path copy = folder / ("backup " + std::to_string(i));
    const int64_t committed = verify_ledger(database).annotations;
    backup_ledger(database, copy);
    Database backup(copy, IfAbsent::kRefuse);
    const LedgerCheck check = verify_ledger(backup);
    CHECK(check.problems.empty());
    CHECK(check.annotations >= committed);
    CHECK(check.annotations >= before);
    CHECK(check.annotations % 50 == 0);
    before = check.annotations;
  }
  for (const pid_t writer : writers) {
    int status = -1;
    waitpid(writer, &status, 0);
    CHECK(status == 0);
  }
  CHECK(verify_ledger(database).annotations == 3 * 40 * 50);
}
