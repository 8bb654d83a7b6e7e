#include "storage/gold_tasks.h"

#include <set>

#include "tests/storage/campaign_fixture.h"

using namespace rlhf;
using test::Work;

namespace {

Ranking known(const std::string& prompt, std::vector<std::string> responses, std::vector<int> ranks) {
  return {{prompt, {}}, std::move(responses), std::move(ranks), {}, 0, ""};
}

}  // namespace

TEST_CASE("a trusted annotator's answers become the known ones") {
  Work work(2);
  work.answer(work.anna, {2, 1, 1});
  CHECK(gold_from_annotator(work.ledger.database, work.campaign.id, work.anna) == 1);
  const auto gold = gold_tasks(work.ledger.database, work.campaign.id);
  REQUIRE(gold.size() == 1);
  CHECK(gold.begin()->second == KnownRanks{{1, 2}, {2, 1}, {3, 1}});
  CHECK(gold_tasks(work.ledger.database, 0).size() == 1);
  CHECK(gold_tasks(work.ledger.database, work.campaign.id + 1).empty());
  CHECK(gold_from_annotator(work.ledger.database, work.campaign.id, work.bert) == 0);
}

TEST_CASE("known rankings find the task about the same responses, in whatever order") {
  Work work(2);
  const GoldCounts counts =
      gold_from_rankings(work.ledger.database, work.campaign.id,
                         {known("prompt 1", {"answer 2", "answer 0", "answer 1"}, {1, 2, 3}),
                          known("prompt 1", {"answer 2", "answer 0"}, {1, 2}),
                          known("prompt 0", {"answer 0", "answer 1", "x"}, {1, 2, 3}),
                          known("prompt 0", {"answer 0", "answer 1", "answer 2", "answer 3"}, {1, 2, 3, 4}),
                          known("no such prompt", {"answer 0", "answer 1", "answer 2"}, {1, 2, 3})});
  CHECK(counts.tasks == 1);
  CHECK(counts.no_task == 4);
  const auto gold = gold_tasks(work.ledger.database, work.campaign.id);
  REQUIRE(gold.size() == 1);
  CHECK(gold.begin()->second == KnownRanks{{4, 2}, {5, 3}, {6, 1}});
}

TEST_CASE("a check is given to everybody, once, whatever the overlap") {
  Work work(3);
  work.answer(work.anna, {1, 2, 3});
  gold_from_annotator(work.ledger.database, work.campaign.id, work.anna);
  std::set<int64_t> berts;
  while (const auto task = work.next(work.bert)) {
    berts.insert(task->task_id);
    work.store.submit(work.bert, task->annotation_id, {{1, 2, 3}, "", {}});
  }
  CHECK(berts == std::set<int64_t>{1, 2, 3});
  CHECK_FALSE(work.next(work.anna));
  const int64_t carl = work.store.annotator("carl", "human");
  const AnnotationTask check = work.next(carl).value();
  CHECK(check.task_id == 1);
  work.store.skip(carl, check.annotation_id);
  CHECK_FALSE(work.next(carl));
  CHECK(work.store.undo(work.campaign.id, carl)->task_id == 1);  // nobody can have taken it meanwhile
  CHECK(work.store.progress(work.campaign.id).done == 3);
}
