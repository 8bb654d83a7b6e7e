#include "storage/candidate_store.h"

#include "storage/annotation_store.h"
#include "storage/response_store.h"
#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::Ledger;

namespace {

/// `texts` as answers of a model to a prompt.
StoredResponses sample(Ledger& ledger, const Prompt& prompt, const std::vector<std::string>& texts,
                       const std::string& model = "m1") {
  AnsweredPrompt answered{prompt, {}};
  for (const std::string& text : texts)
    answered.responses.push_back(
        {text, {1}, FinishReason::kStop, static_cast<int32_t>(answered.responses.size())});
  return store_responses(ledger.database, {model, {}, "rlhf 0.1", 42}, {answered})[0];
}

std::vector<std::string> texts_of(const std::vector<ResponseSet>& sets) {
  std::vector<std::string> all;
  for (const ResponseSet& set : sets) {
    std::string line = set.prompt.is_chat() ? set.prompt.messages[0].content : set.prompt.text;
    for (const std::string& response : set.responses) line += "|" + response;
    all.push_back(line);
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("candidates are the first k different responses to each prompt that has so many") {
  Ledger ledger;
  sample(ledger, {"p", {}}, {"a", "b", "a", "c"});
  sample(ledger, {"", {{"user", "q"}}}, {"x", "y"});
  sample(ledger, {"r", {}}, {"alone", "alone"});
  test::import(ledger.database, {test::ranking("imported", {"a", "b"}, {1, 2})});
  CHECK(texts_of(read_candidates(ledger.database, {0, 2, "all", ""})) == Texts{"p|a|b", "q|x|y"});
  CHECK(texts_of(read_candidates(ledger.database, {0, 3, "all", ""})) == Texts{"p|a|b|c"});
  CHECK(read_candidates(ledger.database, {0, 4, "all", ""}).empty());
  const auto set = read_candidates(ledger.database, {0, 3, "all", ""})[0];
  CHECK(set.prompt_id == 1);
  CHECK(set.response_ids == std::vector<int64_t>{1, 2, 3});
}

TEST_CASE("candidates can be of one model and of one split, and equal texts of two models are one") {
  Ledger ledger;
  sample(ledger, {"p", {}}, {"a", "b"});
  sample(ledger, {"p", {}}, {"b", "c"}, "m2");
  CHECK(texts_of(read_candidates(ledger.database, {0, 2, "all", "m2"})) == Texts{"p|b|c"});
  CHECK(texts_of(read_candidates(ledger.database, {0, 3, "all", ""})) == Texts{"p|a|b|c"});
  CHECK(read_candidates(ledger.database, {0, 3, "all", "m1"}).empty());
  CHECK(read_candidates(ledger.database, {0, 2, "all", "m3"}).empty());
  const std::string split = ledger.text("SELECT split FROM prompts");
  CHECK(read_candidates(ledger.database, {0, 2, split, ""}).size() == 1);
  CHECK(read_candidates(ledger.database, {0, 2, split == "train" ? "test" : "train", ""}).empty());
}

TEST_CASE("a prompt that the campaign asks about is no candidate of it any more, and its set is a task's") {
  Ledger ledger;
  sample(ledger, {"p", {}}, {"a", "b"});
  sample(ledger, {"q", {}}, {"x", "y"});
  AnnotationStore store(ledger.database);
  Campaign campaign;
  campaign.name = "c";
  campaign.k = 2;
  campaign = store.open_campaign(campaign);
  const auto candidates = read_candidates(ledger.database, {campaign.id, 2, "all", ""});
  store.add_tasks(campaign.id, {{candidates[1].prompt_id, candidates[1].response_ids, 0.5, "random", {}}});
  CHECK(texts_of(read_candidates(ledger.database, {campaign.id, 2, "all", ""})) == Texts{"p|a|b"});
  CHECK(texts_of(read_candidates(ledger.database, {0, 2, "all", ""})) == Texts{"p|a|b", "q|x|y"});
  CHECK(texts_of(read_task_sets(ledger.database)) == Texts{"q|x|y"});
  CHECK(count_tasks(ledger.database, campaign.id, "random") == 1);
  CHECK(count_tasks(ledger.database, campaign.id, "margin") == 0);
  CHECK(store.has_chosen_tasks(campaign.id));
  sample(ledger, {"p", {}}, {"c"}, "m2");
  CHECK(texts_of(read_candidates(ledger.database, {campaign.id, 3, "all", ""})) == Texts{"p|a|b|c"});
}

TEST_CASE("tasks of all that was sampled, and checks on annotators, are not chosen ones") {
  Ledger ledger;
  const StoredResponses p = sample(ledger, {"p", {}}, {"a", "b"});
  const StoredResponses q = sample(ledger, {"q", {}}, {"a", "b"});
  AnnotationStore store(ledger.database);
  Campaign campaign;
  campaign.name = "c";
  campaign.k = 2;
  campaign = store.open_campaign(campaign);
  store.add_tasks(campaign.id, {{p.prompt_id, p.response_ids, 0, "sampled", {}},
                                {q.prompt_id, q.response_ids, 0, "check", {1, 2}}});
  CHECK_FALSE(store.has_chosen_tasks(campaign.id));
}
