// The queries of docs/ledger.md: they run, and find their rows by an index.
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;

namespace {

std::vector<std::string> documented_queries() {
  const std::string page = test::read_file(test::fixture("../../docs/ledger.md"));
  std::vector<std::string> queries;
  const std::string fence = "```sql\n";
  for (std::size_t at = page.find(fence); at != std::string::npos; at = page.find(fence, at)) {
    at += fence.size();
    queries.push_back(page.substr(at, page.find("```", at) - at));
  }
  return queries;
}

/// A step like "SCAN annotations" reads a whole table; results of sub-queries (in parentheses), views that
/// are computed from rows already found and recursive tables may be scanned.
bool reads_a_whole_table(const std::string& step) {
  if (!step.starts_with("SCAN ") || step.find("CONSTANT ROW") != std::string::npos) return false;
  const std::string name = step.substr(5, step.find(' ', 5) - 5);
  return name[0] != '(' && name != "votes" && name != "v" && name != "chain";
}

}  // namespace

TEST_CASE("every documented query runs and uses an index") {
  test::Ledger ledger;
  test::import(ledger.database, {test::ranking("p", {"a", "b"}, {1, 2})});
  SQLite::Database db(ledger.file, SQLite::OPEN_READONLY);
  const std::vector<std::string> queries = documented_queries();
  CHECK(queries.size() >= 12);
  for (const std::string& query : queries) {
    INFO(query);
    SQLite::Statement run(db, query);
    while (run.executeStep()) {
    }
    SQLite::Statement plan(db, "EXPLAIN QUERY PLAN " + query);
    while (plan.executeStep()) {
      INFO(plan.getColumn(3).getString());
      CHECK_FALSE(reads_a_whole_table(plan.getColumn(3).getString()));
    }
  }
  SQLite::Statement plan(db, "EXPLAIN QUERY PLAN SELECT * FROM annotations WHERE note = 'x'");
  plan.executeStep();
  CHECK(reads_a_whole_table(plan.getColumn(3).getString()));
}
