#include "storage/annotation_store.h"

#include <algorithm>
#include <set>

#include "contract/error.h"
#include "tests/storage/campaign_fixture.h"

using namespace rlhf;
using test::Work;

namespace {

const Answer kAnswer{{1, 2, 2}, "clear", 0.9};

}  // namespace

TEST_CASE("an answer becomes a ranking in the order shown") {
  Work work;
  const AnnotationTask task = work.next(work.anna).value();
  REQUIRE(task.items.size() == 3);
  CHECK(task.items[0].model.empty());  // blind
  work.store.submit(work.anna, task.annotation_id, kAnswer);
  LedgerSelection all;
  all.split = "all";
  const auto rankings = LedgerPreferences(work.ledger.database, all).rankings();
  REQUIRE(rankings.size() == 1);
  CHECK(rankings[0].ranks == std::vector<int>{1, 2, 2});
  for (std::size_t i = 0; i < 3; ++i) CHECK(rankings[0].responses[i] == task.items[i].text);
  CHECK(rankings[0].prompt == task.prompt);
  CHECK(rankings[0].annotation_id == task.annotation_id);
}

TEST_CASE("two people never hold one task, and a closed tab loses no draft") {
  Work work(2);
  const AnnotationTask first = work.next(work.anna).value();
  work.store.save_draft(work.anna, first.annotation_id, {{2, {}, 1}, "half", {}});
  const AnnotationTask second = work.next(work.bert).value();
  CHECK(second.task_id != first.task_id);
  const AnnotationTask again = work.next(work.anna).value();
  CHECK(again.annotation_id == first.annotation_id);
  CHECK(again.items[0].rank == 2);
  CHECK_FALSE(again.items[1].rank);
  CHECK(again.note == "half");
  for (std::size_t i = 0; i < 3; ++i) CHECK(again.items[i].response_id == first.items[i].response_id);
  work.store.submit(work.bert, second.annotation_id, kAnswer);
  CHECK_FALSE(work.next(work.bert));
  CHECK(work.rankings() == 1);
}

TEST_CASE("overlap gives a task to as many people, each once, in an order of their own") {
  Work work(12, 2);
  const int64_t carl = work.store.annotator("carl", "human");
  std::set<int64_t> annas, berts;
  int same_order = 0;
  while (const auto task = work.next(work.anna)) {
    annas.insert(task->task_id);
    work.store.submit(work.anna, task->annotation_id, kAnswer);
    const AnnotationTask other = work.next(work.bert).value();
    CHECK(other.task_id == task->task_id);
    same_order += std::equal(task->items.begin(), task->items.end(), other.items.begin(),
                             [](const auto& a, const auto& b) { return a.response_id == b.response_id; });
    berts.insert(other.task_id);
    work.store.submit(work.bert, other.annotation_id, kAnswer);
  }
  CHECK(annas.size() == 12);
  CHECK(berts == annas);
  CHECK(same_order < 8);  // 1 in 6 by chance
  CHECK_FALSE(work.store.next_task(work.campaign.id, carl));
  const CampaignProgress progress = work.store.progress(work.campaign.id);
  CHECK(progress.done == 12);
  CHECK(progress.submitted == 24);
}

TEST_CASE("agreement counts pairs that both told apart") {
  Work work(1, 2);
  for (const int64_t who : {work.anna, work.bert}) {
    const AnnotationTask task = work.next(who).value();
    Answer answer;
    // By response: anna 1 < 2 < 3, bert 1 < 3 < 2.
    const std::vector<int64_t> order =
        who == work.anna ? std::vector<int64_t>{1, 2, 3} : std::vector<int64_t>{1, 3, 2};
    for (const auto& item : task.items)
      answer.ranks.push_back(
          static_cast<int>(std::find(order.begin(), order.end(), item.response_id) - order.begin()) + 1);
    work.store.submit(who, task.annotation_id, answer);
  }
  const std::string row =
      "SELECT campaign_id || ' ' || a_id || ' ' || b_id || ' ' || tasks || ' ' || pairs || ' ' || ";
  CHECK(work.ledger.text(row + "agreed || ' ' || ROUND(share, 3) FROM agreement") == "1 1 2 1 3 2 0.667");
}

TEST_CASE("the view of agreement has a row for each two people who met, and leaves ties out") {
  Work work(10, 3);
  const int64_t carl = work.store.annotator("carl", "human");
  const auto answer_all = [&](int64_t who, int tasks, const std::vector<int>& by_response) {
    for (int i = 0; i < tasks; ++i) {
      const AnnotationTask task = work.next(who).value();
      Answer answer;
      for (const auto& item : task.items)
        answer.ranks.push_back(by_response[static_cast<std::size_t>((item.response_id - 1) % 3)]);
      work.store.submit(who, task.annotation_id, answer);
    }
  };
  answer_all(work.anna, 10, {1, 2, 3});
  answer_all(work.bert, 10, {1, 2, 2});
  answer_all(carl, 4, {3, 2, 1});
  work.store.undo(work.campaign.id, carl);
  const auto share = [&](int64_t a, int64_t b) {
    return work.ledger.text("SELECT tasks || ' ' || agreed || '/' || pairs FROM agreement WHERE a_id = " +
                            std::to_string(a) + " AND b_id = " + std::to_string(b));
  };
  CHECK(share(work.anna, work.bert) == "10 20/20");
  CHECK(share(work.anna, carl) == "3 0/9");
  CHECK(share(work.bert, carl) == "3 0/6");
  CHECK(work.ledger.count("SELECT COUNT(*) FROM agreement") == 3);
}

TEST_CASE("skipping passes a task on, not rankable answers it") {
  Work work(1);
  const AnnotationTask skipped = work.next(work.anna).value();
  work.store.skip(work.anna, skipped.annotation_id, "no idea");
  CHECK_FALSE(work.next(work.anna));
  const AnnotationTask task = work.next(work.bert).value();
  CHECK_THROWS_AS(work.store.undo(work.campaign.id, work.anna), UserError);  // bert holds it now
  work.store.not_rankable(work.bert, task.annotation_id);
  const CampaignProgress progress = work.store.progress(work.campaign.id);
  CHECK(progress.skipped == 1);
  CHECK(progress.not_rankable == 1);
  CHECK(progress.done == 1);
  CHECK(work.rankings() == 0);
}

TEST_CASE("undo supersedes, and the new answer takes over") {
  Work work(2);
  const AnnotationTask first = work.next(work.anna).value();
  work.store.submit(work.anna, first.annotation_id, kAnswer);
  work.next(work.anna);  // a draft in hand goes back to the pile
  const int64_t tick = ledger_position(work.ledger.database).tick;
  const AnnotationTask back = work.store.undo(work.campaign.id, work.anna).value();
  CHECK(back.task_id == first.task_id);
  CHECK(back.items[0].rank == 1);
  CHECK(back.note == "clear");
  CHECK(back.items[0].response_id == first.items[0].response_id);
  CHECK(work.rankings() == 0);
  work.store.submit(work.anna, back.annotation_id, {{3, 2, 1}, "", {}});
  CHECK(work.rankings() == 1);
  CHECK(work.ledger.count("SELECT COUNT(*) FROM annotations WHERE status = 'superseded'") == 1);
  CHECK(work.next(work.anna)->task_id != first.task_id);
  // A run that began before the change still reads what it read.
  LedgerSelection then;
  then.split = "all";
  then.through_tick = tick;
  const auto rankings = LedgerPreferences(work.ledger.database, then).rankings();
  REQUIRE(rankings.size() == 1);
  CHECK(rankings[0].ranks == std::vector<int>{1, 2, 2});
  CHECK_FALSE(work.store.undo(work.campaign.id, work.bert));
}

TEST_CASE("answers that cannot be are refused and the draft stays") {
  Work work(2);
  const AnnotationTask task = work.next(work.anna).value();
  const auto submit = [&](Answer answer) { work.store.submit(work.anna, task.annotation_id, answer); };
  CHECK_THROWS_WITH(submit({{1, 3, 3}, "", {}}), test::contains("dense"));
  CHECK_THROWS_WITH(submit({{1, {}, 2}, "", {}}), test::contains("every response needs a rank"));
  CHECK_THROWS_WITH(submit({{1, 2}, "", {}}), test::contains("2 ranks for 3 responses"));
  CHECK_THROWS_AS(work.store.submit(work.bert, task.annotation_id, kAnswer), UserError);
  CHECK_THROWS_AS(work.store.submit(work.anna, 999, kAnswer), UserError);
  submit(kAnswer);
  CHECK_NOTHROW(submit(kAnswer));  // posted twice
  CHECK_THROWS_WITH(submit({{3, 2, 1}, "", {}}), test::contains("submitted already"));
  CHECK(work.ledger.count("SELECT COUNT(*) FROM annotations") == 1);
}

TEST_CASE("a draft left alone is handed on, and its owner's late answer is kept") {
  Work work(1);
  AnnotationStore impatient(work.ledger.database, -1);  // every draft has expired
  const AnnotationTask left = work.next(work.anna).value();
  const AnnotationTask taken = impatient.next_task(work.campaign.id, work.bert).value();
  CHECK(taken.task_id == left.task_id);
  work.store.submit(work.anna, left.annotation_id, kAnswer);
  work.store.submit(work.bert, taken.annotation_id, kAnswer);
  CHECK(work.rankings() == 2);
}

TEST_CASE("a campaign is made once, its tasks too") {
  Work work(2);
  Campaign other = work.campaign;
  other.k = 5;
  CHECK_THROWS_WITH(work.store.open_campaign(other), test::contains("k 3"));
  CHECK(work.store.open_campaign(work.campaign).id == work.campaign.id);
  CHECK(work.store.tasks_from_samples(work.campaign, "all", "").empty());
  TaskSpec same{1, {3, 1, 2}, 0, "", {}};
  CHECK(work.store.add_tasks(work.campaign.id, {same}) == 0);
  same.response_ids = {1, 4};
  CHECK_THROWS_WITH(work.store.add_tasks(work.campaign.id, {same}), test::contains("not one to prompt 1"));
  work.store.close_campaign(work.campaign.id);
  CHECK_FALSE(work.next(work.anna));
  CHECK_FALSE(work.store.find_campaign("round 1")->open);
}

TEST_CASE("higher priority goes first, and many answers may be one transaction") {
  Work work(2);
  TaskSpec urgent{2, {4, 6}, 5, "disagreement", {1, 2}};
  CHECK(work.store.add_tasks(work.campaign.id, {urgent}) == 1);
  work.store.in_one_transaction([&] {
    const AnnotationTask task = work.next(work.anna).value();
    CHECK(task.items.size() == 2);
    work.store.submit(work.anna, task.annotation_id, {{1, 2}, "", {}});
  });
  CHECK(work.rankings() == 1);
  CHECK_THROWS_AS(work.store.in_one_transaction([&] {
    work.store.submit(work.anna, work.next(work.anna)->annotation_id, kAnswer);
    throw WorldError("the rater broke");
  }),
                  WorldError);
  CHECK(work.rankings() == 1);
  CHECK(work.next(work.anna));
}

TEST_CASE("what is repeated because its reply was lost changes nothing") {
  Work work(2);
  const int64_t campaign = work.campaign.id;
  const AnnotationTask first = work.next(work.anna).value();
  work.store.submit(work.anna, first.annotation_id, kAnswer);
  CHECK(work.store.last_answer(campaign, work.anna) == first.annotation_id);
  const AnnotationTask second = work.next(work.anna).value();
  work.store.skip(work.anna, second.annotation_id);
  work.store.skip(work.anna, second.annotation_id);
  const int64_t last = work.store.last_answer(campaign, work.anna).value();
  CHECK(last == second.annotation_id);
  const AnnotationTask back = work.store.undo(campaign, work.anna, last).value();
  CHECK(work.store.undo(campaign, work.anna, last)->annotation_id == back.annotation_id);
  CHECK(work.store.last_answer(campaign, work.anna) == first.annotation_id);
  work.store.submit(work.anna, back.annotation_id, kAnswer);
  CHECK_THROWS_WITH(work.store.undo(campaign, work.anna, first.annotation_id),
                    test::contains("not the last answer"));
  CHECK_THROWS_AS(work.store.undo(campaign, work.bert, first.annotation_id), UserError);
  CHECK(work.rankings() == 2);
}

TEST_CASE("a late answer posted twice counts once") {
  Work work(1);
  AnnotationStore impatient(work.ledger.database, -1);
  const AnnotationTask left = work.next(work.anna).value();
  impatient.next_task(work.campaign.id, work.bert);
  work.store.submit(work.anna, left.annotation_id, kAnswer);
  CHECK_NOTHROW(work.store.submit(work.anna, left.annotation_id, kAnswer));
  CHECK_THROWS_WITH(work.store.submit(work.anna, left.annotation_id, {{3, 2, 1}, "", {}}),
                    test::contains("submitted already"));
  CHECK(work.rankings() == 1);
}

TEST_CASE("a draft laid aside and the same task given again are one answer") {
  Work work(1);
  const AnnotationTask before = work.next(work.anna).value();
  work.store.lay_aside(work.anna, before.annotation_id);
  const AnnotationTask again = work.next(work.anna).value();
  CHECK(again.annotation_id != before.annotation_id);
  work.store.submit(work.anna, before.annotation_id, kAnswer);  // from a tab that was left open
  CHECK_FALSE(work.next(work.anna));
  CHECK(work.rankings() == 1);
}

TEST_CASE("undo keeps a draft that was begun, and it comes next again") {
  Work work(2);
  const AnnotationTask first = work.next(work.anna).value();
  work.store.submit(work.anna, first.annotation_id, kAnswer);
  const AnnotationTask begun = work.next(work.anna).value();
  work.store.save_draft(work.anna, begun.annotation_id, {{{}, 1, {}}, "", {}});
  const AnnotationTask back = work.store.undo(work.campaign.id, work.anna).value();
  CHECK(work.next(work.anna)->annotation_id == back.annotation_id);
  work.store.submit(work.anna, back.annotation_id, kAnswer);
  const AnnotationTask next = work.next(work.anna).value();
  CHECK(next.annotation_id == begun.annotation_id);
  CHECK(next.items[1].rank == 1);
}

TEST_CASE("an annotator's own part: answers and pace") {
  Work work(3, 2);
  work.store.submit(work.anna, work.next(work.anna)->annotation_id, kAnswer);
  work.store.skip(work.anna, work.next(work.anna)->annotation_id);
  work.store.not_rankable(work.anna, work.next(work.anna)->annotation_id);
  const AnnotatorProgress own = work.store.annotator_progress(work.campaign.id, work.anna);
  CHECK(own.submitted == 1);
  CHECK(own.skipped == 1);
  CHECK(own.not_rankable == 1);
  REQUIRE(own.last_times_ms.size() == 1);
  CHECK(own.last_times_ms[0] >= 0);
  const int64_t carl = work.store.annotator("carl", "human");
  CHECK(work.store.annotator_progress(work.campaign.id, carl).submitted == 0);
  CHECK_THROWS_AS(work.store.task(work.bert, 1), NoSuchAnnotation);
  CHECK(work.store.task(work.anna, 1).items.size() == 3);
}
