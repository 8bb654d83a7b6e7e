#include "storage/given_answers.h"

#include "contract/error.h"
#include "tests/storage/campaign_fixture.h"

using namespace rlhf;
using test::Work;

namespace {

std::vector<RankedAnswer> answers(Database& database, const AnswerSelection& selection) {
  std::vector<RankedAnswer> found;
  for_each_answer(database, selection, [&](const RankedAnswer& answer) { found.push_back(answer); });
  return found;
}

ImportRecord rated(const std::string& response, double value, const std::string& annotator) {
  ImportRecord record;
  record.content = RatedResponse{{"p", {}}, response};
  record.provenance.source = "films";
  record.provenance.annotator = annotator;
  record.provenance.ratings = {{0, "sentiment", value}};
  return record;
}

}  // namespace

TEST_CASE("an answer of a campaign comes with who, when and where each response was shown") {
  Work work(1);
  const AnnotationTask task = work.next(work.anna).value();
  const int64_t annotation = work.answer(work.anna, {2, 1, 2});
  const auto found = answers(work.ledger.database, {work.campaign.id, "", 0});
  REQUIRE(found.size() == 1);
  CHECK(found[0].annotation_id == annotation);
  CHECK(found[0].task_id == task.task_id);
  CHECK(found[0].annotator_id == work.anna);
  CHECK(found[0].took_ms.value() >= 0);
  REQUIRE(found[0].items.size() == 3);
  for (const auto& item : found[0].items) {
    CHECK(item.rank == (item.response_id == 2 ? 1 : 2));
    CHECK(task.items[static_cast<std::size_t>(item.position)].response_id == item.response_id);
  }
}

TEST_CASE("what was taken back, skipped or begun does not count, and a correction has no time") {
  Work work(4);
  work.answer(work.anna, {1, 2, 3});
  work.store.undo(work.campaign.id, work.anna);
  CHECK(answers(work.ledger.database, {}).empty());
  work.answer(work.anna, {3, 2, 1});
  work.store.skip(work.anna, work.next(work.anna)->annotation_id);
  work.next(work.anna);
  const auto found = answers(work.ledger.database, {});
  REQUIRE(found.size() == 1);
  CHECK(found[0].items[0].rank == 3);
  CHECK_FALSE(found[0].took_ms);
}

TEST_CASE("how long a program takes is nobody's pace") {
  Work work(1);
  work.answer(work.store.annotator("machine", "simulated"), {1, 2, 3});
  CHECK_FALSE(answers(work.ledger.database, {}).at(0).took_ms);
}

TEST_CASE("answers come prompt by prompt, and may be narrowed to those an annotator shares") {
  Work work(3, 2);
  for (int i = 0; i < 3; ++i) work.answer(work.anna, {1, 2, 3});
  for (int i = 0; i < 2; ++i) work.answer(work.bert, {1, 2, 3});
  std::vector<std::size_t> sizes;
  for_each_answered_prompt(work.ledger.database, {work.campaign.id, "", 0},
                           [&](std::vector<RankedAnswer>&& of_prompt) { sizes.push_back(of_prompt.size()); });
  CHECK(sizes == std::vector<std::size_t>{2, 2, 1});
  CHECK(answers(work.ledger.database, {work.campaign.id, "", work.bert}).size() == 4);
  CHECK(answers(work.ledger.database, {work.campaign.id + 1, "", 0}).empty());
}

TEST_CASE("imported rankings and ratings, by data set") {
  test::Ledger ledger;
  ImportRecord ranking = test::ranking("q", {"a", "b"}, {1, 2});
  test::import(ledger.database, {ranking, rated("a", 3, "ann"), rated("a", -1, ""), rated("b", 0.5, "bob")});
  const auto found = answers(ledger.database, {});
  REQUIRE(found.size() == 1);
  CHECK(found[0].task_id == 0);
  CHECK(found[0].annotator_id == 0);
  CHECK(answers(ledger.database, {0, "films", 0}).empty());
  std::vector<GivenRating> ratings;
  for_each_rating(ledger.database, {0, "films", 0}, [&](const RatedAspect& about, const GivenRating& rating) {
    CHECK(about == RatedAspect{"films", "sentiment"});
    ratings.push_back(rating);
  });
  REQUIRE(ratings.size() == 3);
  CHECK(ratings[0].response_id == ratings[1].response_id);
  CHECK(ratings[1].annotator_id == 0);
  CHECK(ratings[2].value == 0.5);
  const auto handles = annotator_handles(ledger.database);
  CHECK(handles.at(ratings[2].annotator_id) == "bob");
  CHECK(prompt_with_id(ledger.database, ratings[0].prompt_id).text == "p");
  CHECK(response_text(ledger.database, ratings[2].response_id) == "b");
  CHECK_THROWS_AS(prompt_with_id(ledger.database, 99), UserError);
  CHECK_THROWS_AS(response_text(ledger.database, 99), UserError);
}

TEST_CASE("the answers of a campaign are found by indexes") {
  Work work(1);
  SQLite::Database db(work.ledger.file, SQLite::OPEN_READONLY);
  SQLite::Statement plan(
      db,
      "EXPLAIN QUERY PLAN SELECT a.id FROM tasks t CROSS JOIN annotations a ON a.task_id = t.id "
      "CROSS JOIN prompts p ON p.id = a.prompt_id WHERE a.status = 'submitted' AND t.campaign_id = 1");
  while (plan.executeStep()) CHECK(plan.getColumn(3).getString().find("SCAN") == std::string::npos);
}
