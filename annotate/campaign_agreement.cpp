#include "annotate/campaign_agreement.h"

#include "label_quality/pair_agreement.h"
#include "storage/given_answers.h"

namespace rlhf {

namespace {

PairAgreement agreement_of(Database& database, const AnswerSelection& selection) {
  PairAgreement agreement;
  for_each_answered_prompt(database, selection, [&](std::vector<RankedAnswer>&& answers) {
    for_each_voted_pair(answers, [&](const std::vector<Vote>& votes) { agreement.add(votes); });
  });
  return agreement;
}

}  // namespace

VoteTable campaign_agreement(Database& database, int64_t campaign) {
  return agreement_of(database, {campaign, "", 0}).all();
}

VoteTable agreement_with_others(Database& database, int64_t campaign, int64_t annotator) {
  const PairAgreement agreement = agreement_of(database, {campaign, "", annotator});
  const auto own = agreement.by_annotator().find(annotator);
  return own == agreement.by_annotator().end() ? VoteTable() : own->second;
}

}  // namespace rlhf
