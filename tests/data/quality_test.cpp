#include "data/quality.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "data/gold.h"
#include "data/import.h"
#include "tests/storage/campaign_fixture.h"

using namespace rlhf;
using test::Work;

namespace {

nlohmann::json report(Database& database, const QualityOptions& options) {
  return nlohmann::json::parse(quality_json(label_quality(database, options), options));
}

QualityOptions of_annotator(const std::string& name) {
  QualityOptions options;
  options.annotator = name;
  return options;
}

/// Answers the next task in the order in which it is shown.
void answer_by_place(Work& work, int64_t who) {
  const AnnotationTask task = work.next(who).value();
  work.store.submit(who, task.annotation_id, {{1, 2, 3}, "", {}});
}

/// Imports JSON lines into the ledger of `folder`.
void import_lines(const test::TemporaryFolder& folder, const std::string& lines) {
  test::write_file(folder / "data.jsonl", lines);
  DataImportOptions options;
  options.db = folder / "ledger.db";
  options.files = {(folder / "data.jsonl").string()};
  import_data(options);
}

/// Krippendorff's example (see krippendorff_alpha_test.cpp) observer by observer, 0 where a value is missing.
std::string published_ratings() {
  const std::vector<std::vector<int>> observers = {{1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0},
                                                   {1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3},
                                                   {0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0},
                                                   {1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0}};
  std::string lines;
  for (std::size_t o = 0; o < observers.size(); ++o)
    for (std::size_t u = 0; u < observers[o].size(); ++u)
      if (observers[o][u] != 0)
        lines += R"({"prompt":"p","completion":"unit )" + std::to_string(u) + R"(","ratings":{"x":)" +
                 std::to_string(observers[o][u]) + R"(},"annotator":"observer )" + std::to_string(o) +
                 "\"}\n";
  return lines;
}

}  // namespace

TEST_CASE("a campaign of three: who agrees, and who goes by the order shown") {
  Work work(30, 3);
  const int64_t carl = work.store.annotator("carl", "human");
  for (int i = 0; i < 30; ++i) {
    work.answer(work.anna, {1, 2, 3});
    work.answer(work.bert, {1, 2, 3});
    answer_by_place(work, carl);
  }
  QualityOptions options;
  options.campaign = "round 1";
  options.disagreements = 2;
  const auto json = report(work.ledger.database, options);
  CHECK(json["rankings"] == 90);
  CHECK(json["agreement"]["told_alike"]["of"] == 30 * 3 * 3);
  REQUIRE(json["annotators"].size() == 3);
  const auto& anna = json["annotators"][0];
  const auto& last = json["annotators"][2];
  CHECK(last["annotator"] == "carl");
  CHECK(last["first_wins"]["share"] == 1.0);
  CHECK(last["first_wins"]["low"] > 0.85);
  CHECK(anna["first_wins"]["low"] < 0.5);
  CHECK(anna["first_wins"]["high"] > 0.5);
  CHECK(last["agreement"]["told_alike"]["share"] < 0.75);
  CHECK(anna["agreement"]["told_alike"]["share"] > 0.6);
  REQUIRE(json["annotator_pairs"].size() == 3);
  CHECK(json["annotator_pairs"][0]["annotators"] == nlohmann::json({"anna", "bert"}));
  CHECK(json["annotator_pairs"][0]["kappa"] == 1.0);
  CHECK(json["annotator_pairs"][1]["kappa"] < 0.5);
  REQUIRE(json["disagreements"].size() == 2);
  const auto& worst = json["disagreements"][0];
  CHECK(worst["prompt"].get<std::string>().starts_with("prompt "));
  CHECK(worst["responses"][0]["text"] == "answer 0");
  CHECK(worst["responses"][0]["ranks"]["anna"] == 1);
  CHECK(worst["responses"][0]["ranks"].size() == 3);
  const auto berts = report(work.ledger.database, of_annotator("bert"));
  CHECK(berts["annotators"].size() == 1);
  CHECK(berts["annotators"][0]["agreement"]["told_alike"] ==
        json["annotators"][1]["agreement"]["told_alike"]);
  CHECK(berts["annotator_pairs"].size() == 2);
}

TEST_CASE("checks: somebody who knows, then everybody against that") {
  Work work(4, 1);
  for (int i = 0; i < 2; ++i) work.answer(work.anna, {1, 2, 3});
  GoldOptions options;
  options.db = work.ledger.file;
  options.campaign = "round 1";
  options.annotator = "anna";
  CHECK(make_gold(options).tasks == 2);
  work.answer(work.bert, {1, 2, 3});
  work.answer(work.bert, {1, 3, 2});
  const auto json = report(work.ledger.database, of_annotator("bert"));
  CHECK(json["gold_tasks"] == 2);
  CHECK(json["annotators"][0]["checks"]["of"] == 6);
  CHECK(json["annotators"][0]["checks"]["share"].get<double>() == Approx(5.0 / 6));
  CHECK(json["annotators"][0]["checks"]["all_right"] == 1);
}

TEST_CASE("checks from a file, and what is wrong with one") {
  Work work(2);
  GoldOptions options;
  options.db = work.ledger.file;
  options.campaign = "round 1";
  CHECK_THROWS_WITH(make_gold(options), test::contains("--annotator NAME"));
  options.annotator = "bert";
  CHECK_THROWS_WITH(make_gold(options), test::contains("\"bert\" has submitted no answer"));
  options.annotator = "berta";
  CHECK_THROWS_WITH(make_gold(options), test::contains("no annotator \"berta\""));
  options.annotator.clear();
  options.files = {(work.ledger.folder / "gold.jsonl").string()};
  test::write_file(options.files[0], R"({"prompt": "prompt 9", "chosen": "a", "rejected": "b"})");
  CHECK_THROWS_WITH(make_gold(options), test::contains("the very prompt and responses"));
  test::write_file(
      options.files[0],
      R"({"prompt": "prompt 1", "responses": ["answer 1", "answer 0", "answer 2"], "ranks": [1, 2, 2]})");
  CHECK(make_gold(options).tasks == 1);
  test::write_file(options.files[0], "oops");
  CHECK_THROWS_AS(make_gold(options), UserError);
}

TEST_CASE("what agreement lacks is said in words") {
  Work work(2);
  const auto lacks = [&] { return report(work.ledger.database, {})["no_agreement"].get<std::string>(); };
  CHECK(test::contains("no ranking counts").match(lacks()));
  work.answer(work.anna, {1, 2, 3});
  CHECK(test::contains("by one person").match(lacks()));
  work.answer(work.bert, {1, 2, 3});
  CHECK(test::contains("--overlap 2").match(lacks()));
  CHECK(report(work.ledger.database, {})["agreement"].is_null());
  QualityOptions unknown;
  unknown.campaign = "round 2";
  CHECK_THROWS_WITH(label_quality(work.ledger.database, unknown), test::contains("it has round 1"));
  CHECK_THROWS_WITH(label_quality(work.ledger.database, of_annotator("dora")), test::contains("\"dora\""));
}

TEST_CASE("imported rankings that name nobody cannot agree") {
  test::Ledger ledger;
  test::import(ledger.database,
               {test::ranking("p", {"a", "b"}, {1, 2}), test::ranking("p", {"a", "b"}, {2, 1})});
  const auto json = report(ledger.database, {});
  CHECK(json["rankings_of_nobody"] == 2);
  CHECK(test::contains("names its annotator").match(json["no_agreement"].get<std::string>()));
  CHECK(json["first_wins"].is_null());
  CHECK(json["times"].is_null());
}

TEST_CASE("ratings from a file to the published alphas") {
  const test::TemporaryFolder folder;
  import_lines(folder, published_ratings());
  Database database(folder / "ledger.db");
  QualityOptions options;
  options.disagreements = 1;
  const auto json = report(database, options);
  REQUIRE(json["ratings"].size() == 1);
  const auto& found = json["ratings"][0];
  CHECK(found["ratings"] == 41);
  CHECK(found["responses"] == 12);
  CHECK(found["responses_rated_twice"] == 11);
  CHECK(std::abs(found["alpha_nominal"].get<double>() - 0.743) < 0.0005);
  CHECK(std::abs(found["alpha_ordinal"].get<double>() - 0.815) < 0.0005);
  CHECK(std::abs(found["alpha_interval"].get<double>() - 0.849) < 0.0005);
  CHECK(found["raters"].size() == 4);
  REQUIRE(found["disputed"].size() == 1);
  CHECK(found["disputed"][0]["text"] == "unit 5");
  options.annotator = "observer 2";
  CHECK(report(database, options)["ratings"][0]["raters"].size() == 1);
}

TEST_CASE("the report in words keeps texts on their line") {
  const test::TemporaryFolder folder;
  import_lines(folder, R"({"prompt":"p","responses":["a\u001b[2J\nb","c"],"ranks":[1,2],"annotator":"ann"})"
                       "\n"
                       R"({"prompt":"p","responses":["a\u001b[2J\nb","c"],"ranks":[2,1],"annotator":"bob"})"
                       "\n");
  Database database(folder / "ledger.db");
  const std::string text = quality_text(label_quality(database, {}), {});
  CHECK(test::contains("ann 1, bob 2: a [2J b\n").match(text));
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(test::contains("0.0 %").match(text));
  const test::Ledger empty;
  Database nothing(empty.file, IfAbsent::kRefuse);
  CHECK(quality_text(label_quality(nothing, {}), {}) == "no ranking and no rating counts here\n");
}
