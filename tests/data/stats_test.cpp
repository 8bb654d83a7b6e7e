#include "data/stats.h"

#include <nlohmann/json.hpp>

#include "data/import.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {

TEST_CASE("statistics count prompts, rankings, pairs, ties and who gave them") {
  const test::TemporaryFolder folder;
  test::write_file(
      folder / "data.jsonl",
      "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"c\", \"d\"], \"ranks\": [1, 2, 2, 3], "
      "\"annotator\": \"ann\"}\n"
      "{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": \"b\", \"annotator\": \"bob\"}\noops\n");
  test::write_file(folder / "label.jsonl",
                   R"({"prompt": "p", "completion": "z", "label": true, "annotator": "ann"})");
  import_data({folder / "ledger.db",
               {(folder / "data.jsonl").string(), (folder / "label.jsonl").string()},
               {},
               {},
               false,
               "test"});
  Database database(folder / "ledger.db");
  const LedgerStatistics found = ledger_statistics(database);
  LedgerStatistics::Split all;
  for (const auto& split : found.splits) {
    all.prompts += split.prompts;
    all.rankings += split.rankings;
    all.comparisons += split.comparisons;
    all.ties += split.ties;
  }
  CHECK(all.prompts == 1);
  CHECK(all.rankings == 2);
  CHECK(all.comparisons == 5 + 1);
  CHECK(all.ties == 1);
  CHECK(found.responses == 5);
  CHECK(found.rated_responses == 1);
  REQUIRE(found.annotators.size() == 2);
  CHECK(found.annotators[0].handle == "ann");
  CHECK(found.annotators[0].submitted == 2);
  REQUIRE(found.imports.size() == 2);
  CHECK(found.imports[0].format == "kwise");
  CHECK(found.imports[0].rejected == 1);
  CHECK(found.imports[0].complete);

  const auto json = nlohmann::json::parse(statistics_json(found));
  CHECK(json["responses"] == 5);
  CHECK(json["splits"].size() == 3);
  const std::string table = statistics_table(found);
  CHECK(table.find("ann ") != std::string::npos);
  CHECK(table.find("kwise") != std::string::npos);
}

TEST_CASE("statistics of an empty ledger are all zero") {
  const test::TemporaryFolder folder;
  Database database(folder / "ledger.db");
  const LedgerStatistics found = ledger_statistics(database);
  REQUIRE(found.splits.size() == 3);
  CHECK(found.splits[0].name == "train");
  CHECK(found.splits[0].rankings == 0);
  CHECK(found.annotators.empty());
  CHECK(found.imports.empty());
}

}  // namespace rlhf
