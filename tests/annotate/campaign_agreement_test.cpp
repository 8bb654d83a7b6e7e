#include "annotate/campaign_agreement.h"

#include "tests/storage/campaign_fixture.h"

using namespace rlhf;
using test::Work;

TEST_CASE("agreement on a campaign counts pairs that both told apart") {
  Work work(2, 2);
  work.answer(work.anna, {1, 2, 3});
  work.answer(work.bert, {1, 3, 2});
  work.answer(work.anna, {1, 2, 3});
  const VoteTable all = campaign_agreement(work.ledger.database, work.campaign.id);
  CHECK(all.told_apart() == 3);
  CHECK(all.told_alike() == 2);
  CHECK(campaign_agreement(work.ledger.database, work.campaign.id + 1).compared() == 0);
}

TEST_CASE("an annotator's own agreement is with each of the others") {
  Work work(1, 3);
  const int64_t carl = work.store.annotator("carl", "human");
  work.answer(work.anna, {1, 2, 3});
  work.answer(work.bert, {1, 2, 2});  // ties the third pair
  work.answer(carl, {3, 2, 1});
  const VoteTable annas = agreement_with_others(work.ledger.database, work.campaign.id, work.anna);
  CHECK(annas.told_apart() == 2 + 3);
  CHECK(annas.told_alike() == 2);
  const int64_t nobody = work.store.annotator("dora", "human");
  CHECK(agreement_with_others(work.ledger.database, work.campaign.id, nobody).compared() == 0);
}
