#include "storage/response_store.h"

#include "tests/storage/ledger_fixture.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::Ledger;

namespace {

SamplingRecord at_temperature(double temperature) {
  SamplingRecord sampling{"hash", {}, "rlhf 0.1", 42};
  sampling.options.temperature = temperature;
  return sampling;
}

const std::vector<SampledResponse> kResponses{{"a", {1, 2}, FinishReason::kStop, 0},
                                              {"a", {1, 2}, FinishReason::kStop, 1},
                                              {"", {}, FinishReason::kLength, 2}};

}  // namespace

TEST_CASE("sampled responses are kept once, with what is needed to sample them again") {
  Ledger ledger;
  const auto first = store_responses(ledger.database, at_temperature(0.7), {{{"p", {}}, kResponses}});
  REQUIRE(first.size() == 1);
  CHECK(first[0].added == 2);
  CHECK(first[0].response_ids == std::vector<int64_t>{1, 1, 2});
  const auto again = store_responses(ledger.database, at_temperature(0.7), {{{"p", {}}, kResponses}});
  CHECK(again[0].added == 0);
  CHECK(again[0].response_ids == first[0].response_ids);
  CHECK(store_responses(ledger.database, at_temperature(0.8), {{{"p", {}}, kResponses}})[0].added == 2);
  CHECK(ledger.count("SELECT COUNT(*) FROM sampling") == 2);
  CHECK(ledger.text("SELECT hex(token_ids) FROM responses WHERE id = 1") == "0100000002000000");
  CHECK(ledger.text("SELECT finish_reason FROM responses WHERE id = 2") == "length");
}

TEST_CASE("the ledger knows how many samples were drawn, repeated texts counted") {
  Ledger ledger;
  const std::vector<Prompt> prompts{{"p", {}}, {"q", {}}, {"", {{"user", "p"}}}};
  store_responses(ledger.database, at_temperature(1), {{prompts[0], kResponses}});
  const auto drawn = drawn_samples(ledger.database, at_temperature(1), prompts);
  REQUIRE(drawn.size() == 3);
  CHECK(drawn[0].samples == 3);
  CHECK(drawn[0].responses == 2);
  CHECK(drawn[1].samples == 0);
  CHECK(drawn[2].samples == 0);
  CHECK(drawn_samples(ledger.database, at_temperature(2), prompts)[0].samples == 0);
  SamplingRecord other = at_temperature(1);
  other.seed = 43;
  CHECK(drawn_samples(ledger.database, other, prompts)[0].samples == 0);
}

TEST_CASE("further samples of a prompt join those that were drawn before") {
  Ledger ledger;
  const Prompt prompt{"p", {}};
  store_responses(ledger.database, at_temperature(1), {{prompt, kResponses}});
  const auto more = store_responses(
      ledger.database, at_temperature(1),
      {{prompt, {{"a", {1, 2}, FinishReason::kStop, 3}, {"b", {3}, FinishReason::kStop, 4}}}});
  CHECK(more[0].response_ids == std::vector<int64_t>{1, 3});
  CHECK(more[0].added == 1);
  const auto drawn = drawn_samples(ledger.database, at_temperature(1), {prompt});
  CHECK(drawn[0].samples == 5);
  CHECK(drawn[0].responses == 3);
}

TEST_CASE("a batch of answered prompts is stored whole or not at all") {
  Ledger ledger;
  const std::vector<SampledResponse> not_text{{"\xFF", {1}, FinishReason::kStop, 0}};
  CHECK_THROWS(store_responses(ledger.database, at_temperature(1),
                               {{{"p", {}}, kResponses}, {{"", {{"user", "\xFF"}}}, not_text}}));
  CHECK(ledger.count("SELECT COUNT(*) FROM responses") == 0);
  CHECK(ledger.count("SELECT COUNT(*) FROM draws") == 0);
}
