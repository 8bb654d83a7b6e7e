#include "reward_model/dataset.h"

#include <algorithm>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

SequenceEncoder encoder() {
  return SequenceEncoder(
      Tokenizer::from_files({{"tokenizer.json", test::read_file(test::fixture("text/smollm.json"))},
                             {"tokenizer_config.json", R"({"eos_token": "<|endoftext|>"})"}}));
}

Ranking ranking(std::vector<std::string> responses, std::vector<int> ranks,
                std::optional<double> margin = {}) {
  Ranking made;
  made.prompt.text = "A film:";
  made.responses = std::move(responses);
  made.ranks = std::move(ranks);
  made.margin = margin;
  return made;
}

}  // namespace

TEST_CASE("every response becomes prompt, response and one end, in the order and ranks given") {
  const SequenceEncoder encode = encoder();
  const TokenId eos = *encode.tokenizer().eos_id();
  RewardDatasetReport report;
  const auto kept = make_ranked_sequences(
      {ranking({" good", " bad", " fine<|endoftext|>"}, {1, 2, 2}), ranking({" a", " b"}, {2, 1}, 0.5)},
      encode, 100, report);
  REQUIRE(kept.size() == 2);
  CHECK(kept[0].ranks == std::vector<int>{1, 2, 2});
  CHECK(kept[0].margin == 0);
  CHECK(kept[1].margin == 0.5);
  const std::vector<std::string> texts{"A film: good", "A film: bad", "A film: fine"};
  for (size_t i = 0; i < 3; ++i) {
    const std::vector<TokenId>& ids = kept[0].sequences[i];
    CHECK(encode.tokenizer().decode(ids) == texts[i]);
    CHECK(ids.back() == eos);
    CHECK(std::count(ids.begin(), ids.end(), eos) == 1);
  }
  CHECK(report.rankings == 2);
  CHECK(report.responses == 5);
  CHECK(report.pairs == 3);
}

TEST_CASE("rankings of ties only, and those with a response that does not fit, are left out and counted") {
  const SequenceEncoder encode = encoder();
  std::string words;
  for (int i = 0; i < 50; ++i) words += " film";
  RewardDatasetReport report;
  const std::vector<Ranking> rankings{ranking({" a", " b"}, {1, 1}), ranking({" a", " b"}, {1, 2}),
                                      ranking({" a", words, " c"}, {1, 2, 3})};
  CHECK(make_ranked_sequences(rankings, encode, 20, report).size() == 1);
  CHECK(report.rankings == 3);
  CHECK(report.all_tied == 1);
  CHECK(report.too_long == 1);
  CHECK(report.responses == 2);
  CHECK(report.pairs == 1);

  const auto length = static_cast<int64_t>(encode.prompt_and_response({"A film:", {}}, " a").size());
  RewardDatasetReport exact;
  CHECK(make_ranked_sequences({rankings[1]}, encode, length, exact).size() == 1);
  CHECK_THROWS_WITH(make_ranked_sequences({rankings[1]}, encode, length - 1, exact),
                    test::contains("--max_length"));
  CHECK_THROWS_AS(make_ranked_sequences({rankings[0]}, encode, 20, exact), UserError);
}
