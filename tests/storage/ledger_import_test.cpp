#include "storage/ledger_import.h"

#include <cerrno>
#include <csignal>
#include <limits>
#include <map>

#include <sys/wait.h>
#include <unistd.h>

#include "contract/error.h"
#include "storage/ledger_records.h"
#include "tests/storage/failing_disk.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::import;
using test::Ledger;
using test::ranking;

namespace {

/// Everything the ledger says, table by table.
std::string dump(const Ledger& ledger) {
  SQLite::Database db(ledger.file, SQLite::OPEN_READONLY);
  std::string all;
  SQLite::Statement tables(db, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
  while (tables.executeStep()) {
    const std::string table = tables.getColumn(0).getString();
    all += table + "\n";
    SQLite::Statement rows(db, "SELECT * FROM " + table);
    while (rows.executeStep())
      for (int i = 0; i < rows.getColumnCount(); ++i) all += rows.getColumn(i).getString() + "|";
  }
  return all;
}

std::vector<ImportRecord> many(int count, const std::string& text = "prompt ") {
  std::vector<ImportRecord> records;
  for (int i = 0; i < count; ++i)
    records.push_back(ranking(text + std::to_string(i), {"good", "bad"}, {1, 2}));
  return records;
}

Demonstration demonstration(Demonstration::Form form, Prompt prompt, const std::string& completion) {
  Demonstration result;
  result.form = form;
  result.prompt = std::move(prompt);
  result.completion = completion;
  return result;
}

}  // namespace

TEST_CASE("a ranking comes back as it went in, in the file's order") {
  Ledger ledger;
  ImportRecord record = ranking("Which?", {"b", "a", "c"}, {2, 1, 2});
  record.provenance = {
      "hh", "row 7", "valid1",         "mit",           "worker 3",
      4.0,  "hard",  {"m1", "", "m2"}, {"x", "y", "z"}, {{0, "helpful", 3.5}, {2, "honest", 1.0}}};
  ImportRecord chat = ranking("", {"yes", "no"}, {1, 2});
  std::get<Ranking>(chat.content).prompt = {"", {{"system", "Be brief."}, {"user", "Caf\u00e9?"}}};
  std::get<Ranking>(chat.content).margin = 0.25;
  CHECK(import(ledger.database, {record, chat}).imported == 2);

  std::vector<ImportRecord> read;
  for_each_record(ledger.database, RecordKind::kRanking, {"all", "", "", {}, {}},
                  [&](ImportRecord&& each) { read.push_back(std::move(each)); });
  REQUIRE(read.size() == 2);
  const auto& first = std::get<Ranking>(read[0].content);
  CHECK(first.prompt == Prompt{"Which?", {}});
  CHECK(first.responses == std::vector<std::string>{"b", "a", "c"});
  CHECK(first.ranks == std::vector<int>{2, 1, 2});
  CHECK_FALSE(first.margin);
  CHECK(first.annotation_id == 1);
  CHECK(first.origin == "annotation 1");
  Provenance expected = record.provenance;
  expected.license = "";  // kept with the import
  CHECK(read[0].provenance == expected);
  const auto& second = std::get<Ranking>(read[1].content);
  CHECK(second.prompt == std::get<Ranking>(chat.content).prompt);
  CHECK(second.margin == 0.25);
  CHECK(ledger.text("SELECT tags_json FROM prompts WHERE id = 1") == R"(["split:valid1"])");
  CHECK(ledger.text("SELECT license FROM imports") == "mit");
}

TEST_CASE("importing again changes nothing, from this file or another") {
  Ledger ledger;
  std::vector<ImportRecord> records = many(50);
  records.push_back(records[3]);
  ImportRecord prompt;
  prompt.content = Prompt{"Only a prompt", {}};
  records.push_back(prompt);
  ImportRecord shown;
  shown.content = demonstration(Demonstration::Form::kPromptCompletion, {"Say hi", {}}, "hi");
  records.push_back(shown);
  ImportRecord rated;
  rated.content = RatedResponse{{"Rate me", {}}, "fine"};
  rated.provenance.ratings = {{0, "label", 1}};
  records.push_back(rated);
  ImportCounts counts = import(ledger.database, records);
  CHECK(counts.imported == 53);
  CHECK(counts.already_present == 1);
  const std::string before = dump(ledger);
  counts = import(ledger.database, records);
  CHECK(counts.imported == 0);
  CHECK(counts.already_present == 54);
  CHECK(dump(ledger) == before);
  counts = import(ledger.database, records, "");  // standard input
  CHECK(counts.already_present == 54);
  CHECK(dump(ledger) == before);
  import(ledger.database, records, "b");
  CHECK(ledger.count("SELECT COUNT(*) FROM annotations") == 51);
  CHECK(ledger.count("SELECT COUNT(*) FROM imports") == 2);
}

TEST_CASE("what differs is another record") {
  Ledger ledger;
  const ImportRecord one = ranking("p", {"a", "b"}, {1, 2});
  std::vector<ImportRecord> others(6, one);
  std::get<Ranking>(others[0].content).ranks = {2, 1};
  std::get<Ranking>(others[1].content).margin = 1.0;
  others[2].provenance.annotator = "anna";
  others[3].provenance.source_id = "7";
  others[4].provenance.response_models = {"x", ""};
  std::get<Ranking>(others[5].content).prompt = {"", {{"user", "p"}}};
  CHECK(import(ledger.database, {one}).imported == 1);
  CHECK(import(ledger.database, others).imported == 6);
  CHECK(ledger.count("SELECT COUNT(*) FROM prompts") == 2);
  CHECK(ledger.count("SELECT COUNT(*) FROM responses WHERE prompt_id = 1") == 3);
}

TEST_CASE("a record the ledger cannot hold is refused with the reason and counted") {
  Ledger ledger;
  LedgerImport into(ledger.database, {"f", "a", "kwise", "0", false});
  const auto reason = [&](ImportRecord record) {
    try {
      into.add(std::move(record));
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  using test::contains;
  CHECK_THAT(reason(ranking("p", {"a"}, {1})), contains("two responses"));
  CHECK_THAT(reason(ranking("p", {"a", ""}, {1, 2})), contains("response 2 is empty"));
  CHECK_THAT(reason(ranking("p", {"a", "a"}, {1, 2})), contains("identical"));
  CHECK_THAT(reason(ranking("p", {"a", "b"}, {1})), contains("one rank a response"));
  CHECK_THAT(reason(ranking("p", {"a", "b"}, {1, 3})), contains("dense"));
  CHECK_THAT(reason(ranking("p", {"a", "b"}, {0, 1})), contains("dense"));
  CHECK_THAT(reason(ranking("\xff", {"a", "b"}, {1, 2})), contains("UTF-8"));
  CHECK_THAT(reason(ranking("p", {"a", "\xc3"}, {1, 2})), contains("UTF-8"));
  ImportRecord bad = ranking("p", {"a", "b"}, {1, 2});
  std::get<Ranking>(bad.content).margin = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(reason(bad), contains("margin"));
  bad = ranking("", {"a", "b"}, {1, 2});
  std::get<Ranking>(bad.content).prompt.messages = {{"user", "\xff"}};
  CHECK_THAT(reason(bad), contains("UTF-8"));
  bad = ranking("p", {"a", "b"}, {1, 2});
  bad.provenance.ratings = {{2, "x", 1}};
  CHECK_THAT(reason(bad), contains("not there"));
  bad.content = demonstration(Demonstration::Form::kText, {}, "");
  CHECK_THAT(reason(bad), contains("completion is empty"));
  bad.content = demonstration(Demonstration::Form::kConversation, {"", {{"user", "a"}}}, "");
  CHECK_THAT(reason(bad), contains("assistant"));
  bad.content = Prompt{};
  CHECK_THAT(reason(bad), contains("prompt is empty"));
  into.count_rejected(2);
  const ImportCounts counts = into.finish();
  CHECK(counts.rejected == 16);
  CHECK(counts.imported == 0);
  CHECK(ledger.count("SELECT COUNT(*) FROM imports") == 0);
}

TEST_CASE("a dry run tells what would happen and writes nothing") {
  Ledger ledger;
  import(ledger.database, many(3));
  const std::string before = dump(ledger);
  const ImportCounts counts = import(ledger.database, many(5), "b", true);
  CHECK(counts.imported == 2);
  CHECK(counts.already_present == 3);
  CHECK(dump(ledger) == before);
}

TEST_CASE("variants of a prompt share a split, sources read by split") {
  Ledger ledger;
  std::vector<ImportRecord> records = many(200, "Prompt  ");
  for (ImportRecord& record : many(200, "prompt ")) records.push_back(record);
  import(ledger.database, records);
  CHECK(ledger.count("SELECT COUNT(*) FROM prompts") == 400);
  CHECK(ledger.count(
            "SELECT MAX(n) FROM (SELECT COUNT(DISTINCT split) AS n FROM prompts GROUP BY norm_sha256)") == 1);
  std::size_t total = 0;
  for (const std::string split : {"train", "valid", "test"}) {
    LedgerSelection selection;
    selection.split = split;
    const std::vector<Ranking> rankings = LedgerPreferences(ledger.database, selection).rankings();
    const std::vector<Prompt> prompts = LedgerPrompts(ledger.database, selection).prompts();
    CHECK(rankings.size() == prompts.size());
    CHECK_FALSE(rankings.empty());
    CHECK(rankings.front().prompt == prompts.front());
    total += rankings.size();
  }
  CHECK(total == 400);
  LedgerSelection wrong;
  wrong.split = "dev";
  CHECK_THROWS_AS(LedgerPrompts(ledger.database, wrong).prompts(), UserError);
  wrong = {};
  wrong.campaign = "none";
  CHECK_THROWS_AS(LedgerPreferences(ledger.database, wrong).rankings(), UserError);
}

TEST_CASE("rankings come with who made them, and with the ledger's split") {
  Ledger ledger;
  std::vector<ImportRecord> records = many(60);
  records[5].provenance.annotator = "ann";
  records[5].provenance.split = "theirs";
  import(ledger.database, records);
  LedgerSelection selection;
  selection.split = "all";
  const auto found = LedgerPreferences(ledger.database, selection).records();
  CHECK(found.size() == 60);
  std::map<std::string, std::size_t> splits;
  for (const ImportRecord& record : found) {
    ++splits[record.provenance.split];
    const bool ann = std::get<Ranking>(record.content).prompt == std::get<Ranking>(records[5].content).prompt;
    CHECK(record.provenance.annotator == (ann ? "ann" : ""));
  }
  for (const auto& [split, count] : splits) {
    selection.split = split;
    CHECK(LedgerPreferences(ledger.database, selection).records().size() == count);
    CHECK(static_cast<std::size_t>(
              ledger.count("SELECT COUNT(*) FROM prompts WHERE split = '" + split + "'")) == count);
  }
}

TEST_CASE("demonstrations of every form come back, and leak into no other split") {
  Ledger ledger;
  ImportRecord text, pair, chat;
  text.content = demonstration(Demonstration::Form::kText, {}, "Once upon a time");
  pair.content = demonstration(Demonstration::Form::kPromptCompletion, {"Q", {}}, "A");
  Demonstration talk =
      demonstration(Demonstration::Form::kConversation,
                    {"", {{"user", "Q"}, {"assistant", "A1"}, {"user", "R"}, {"assistant", "A2"}}}, "");
  talk.first_supervised_message = 1;
  chat.content = talk;
  import(ledger.database, {text, pair, chat});
  LedgerSelection all;
  all.split = "all";
  const auto read = LedgerDemonstrations(ledger.database, all).demonstrations();
  REQUIRE(read.size() == 3);
  CHECK(read[0].form == Demonstration::Form::kText);
  CHECK(read[0].completion == "Once upon a time");
  CHECK(read[1].prompt.text == "Q");
  CHECK(read[1].completion == "A");
  CHECK(read[2].prompt == talk.prompt);
  CHECK(read[2].first_supervised_message == 1);
  // "Q" as text, "Q" as a conversation and both demonstrations of it are on one side.
  CHECK(ledger.count("SELECT COUNT(*) FROM prompts") == 2);
  CHECK(ledger.count("SELECT COUNT(DISTINCT d.split || p.split) FROM demonstrations d JOIN prompts p "
                     "ON p.id = d.prompt_id") == 1);
}

TEST_CASE("a conversation is split by what precedes its first supervised turn") {
  Ledger ledger;
  std::vector<ImportRecord> talks(40);
  for (std::size_t i = 0; i < talks.size(); ++i)
    talks[i].content =
        demonstration(Demonstration::Form::kConversation,
                      {"", {{"user", "question " + std::to_string(i)}, {"assistant", "A"}}}, "");
  import(ledger.database, talks);
  CHECK(ledger.count("SELECT COUNT(*) FROM prompts") == 40);
  CHECK(ledger.count("SELECT COUNT(DISTINCT split) FROM demonstrations") > 1);
  CHECK(ledger.text("SELECT messages_json FROM prompts WHERE id = 1") ==
        R"([{"role":"user","content":"question 0"}])");
}

TEST_CASE("comparisons are derived from rankings, each pair weighing 1 / C(K,2)") {
  Ledger ledger;
  import(ledger.database, {ranking("p", {"a", "b", "c"}, {1, 2, 2}), ranking("q", {"x", "y"}, {2, 1})});
  CHECK(ledger.count("SELECT COUNT(*) FROM comparisons") == 4);
  CHECK(ledger.count(
            "SELECT COUNT(*) FROM comparisons WHERE annotation_id = 1 AND NOT is_tie AND winner_id = 1") ==
        2);
  CHECK(ledger.text("SELECT SUM(weight) || ' ' || SUM(is_tie) FROM comparisons WHERE annotation_id = 1") ==
        "1.0 1");
  CHECK(
      ledger.text(
          "SELECT winner_id || '>' || loser_id || ' ' || weight FROM comparisons WHERE annotation_id = 2") ==
      "5>4 1.0");
  CHECK(ledger.text(
            "SELECT a_id || ' ' || b_id || ' ' || n_a || n_b || n_tie FROM votes WHERE prompt_id = 2") ==
        "4 5 010");
}

TEST_CASE("labels are never deleted nor changed") {
  Ledger ledger;
  import(ledger.database, {ranking("p", {"a", "b"}, {1, 2})});
  SQLite::Database db(ledger.file, SQLite::OPEN_READWRITE);
  for (const char* sql : {"DELETE FROM annotations", "DELETE FROM ranks", "UPDATE ranks SET rank = 1",
                          "UPDATE annotations SET status = 'draft'", "UPDATE annotations SET note = 'x'",
                          "UPDATE annotations SET status = 'superseded', margin = 2"})
    CHECK_THROWS_AS(db.exec(sql), SQLite::Exception);
  CHECK_NOTHROW(db.exec("UPDATE annotations SET status = 'superseded', superseded_tick = 9"));
}

TEST_CASE("a full disk loses the batch, not the ledger") {
  Ledger ledger;
  import(ledger.database, many(10));
  {
    test::FailingDisk full(test::FailingDisk::Call::kWrite, ENOSPC, 20);
    CHECK_THROWS_AS(import(ledger.database, many(3000, "other "), "b"), WorldError);
  }
  CHECK(ledger.text("PRAGMA integrity_check") == "ok");
  CHECK(ledger.count("SELECT COUNT(*) FROM annotations") == 10);
  CHECK(import(ledger.database, many(3000, "other "), "b").imported == 3000);
}

TEST_CASE("an import killed at any moment loses no committed row, and importing again completes it") {
  test::TemporaryFolder folder;
  const auto file = folder / "x.db";
  { Database made(file); }
  const std::vector<ImportRecord> records = many(20000);
  int64_t rows = 0;
  for (int round = 0; round < 4; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      Database database(file);
      import(database, records);
      _exit(0);
    }
    usleep(static_cast<useconds_t>(40000 + 50000 * round));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    SQLite::Database db(file, SQLite::OPEN_READWRITE);
    CHECK(db.execAndGet("PRAGMA integrity_check").getString() == "ok");
    CHECK(db.execAndGet("SELECT COUNT(*) FROM pragma_foreign_key_check").getInt() == 0);
    const int64_t now = db.execAndGet("SELECT COUNT(*) FROM annotations").getInt64();
    CHECK(now >= rows);
    CHECK(db.execAndGet("SELECT COUNT(*) FROM ranks").getInt64() == 2 * now);
    CHECK(db.execAndGet("SELECT COALESCE(SUM(imported), 0) FROM imports").getInt64() == now);
    rows = now;
  }
  Database database(file);
  const ImportCounts counts = import(database, records);
  CHECK(counts.already_present == rows);
  CHECK(counts.imported + rows == 20000);
}

TEST_CASE("several processes import at once") {
  test::TemporaryFolder folder;
  const auto file = folder / "x.db";
  { Database made(file); }
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    children.push_back(fork());
    if (children.back() == 0) {
      try {
        Database database(file);
        // Half of what each brings is brought by all.
        import(database, many(1500, "shared "), "s");
        import(database, many(1500, "own " + std::to_string(i) + " "), std::to_string(i));
        _exit(0);
      } catch (const std::exception&) {
        _exit(1);
      }
    }
  }
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  SQLite::Database db(file, SQLite::OPEN_READONLY);
  CHECK(db.execAndGet("SELECT COUNT(*) FROM annotations").getInt64() == 5 * 1500);
  CHECK(db.execAndGet("PRAGMA integrity_check").getString() == "ok");
}
