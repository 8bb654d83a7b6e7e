#include "evaluate/scored_pairs.h"

#include "evaluate/reward_accuracy.h"
#include "tests/evaluate/scored.h"
#include "tests/support/catch.h"

using namespace rlhf;
using test::scored;

namespace {

ImportRecord record(const std::string& prompt, std::vector<std::string> responses) {
  Ranking ranking;
  ranking.prompt.text = prompt;
  for (std::size_t i = 0; i < responses.size(); ++i) ranking.ranks.push_back(static_cast<int>(i) + 1);
  ranking.responses = std::move(responses);
  return {std::move(ranking), {}, "here"};
}

}  // namespace

TEST_CASE("a response is scored once a prompt, and everybody who ranked it gets that score") {
  std::vector<ImportRecord> records;
  records.push_back(record("p", {"x", "y"}));
  records.push_back(record("q", {"x", "z"}));
  records.push_back(record("p", {"y", "z", "x"}));
  std::vector<std::string> asked;
  const auto rankings =
      score_rankings(std::move(records), [&](const auto& prompts, const auto& texts, const auto&) {
        std::vector<Score> scores;
        for (std::size_t i = 0; i < texts.size(); ++i) {
          asked.push_back(prompts[i].text + texts[i]);
          scores.push_back({0, static_cast<double>(i), 0});
        }
        return scores;
      });
  CHECK(asked == std::vector<std::string>{"px", "py", "qx", "qz", "pz"});
  CHECK(rankings[2].response_ids == std::vector<std::size_t>{1, 4, 0});
  CHECK(rankings[2].scores[1].mean == 4);
  CHECK(rankings[0].cluster == rankings[2].cluster);
  CHECK(rankings[0].cluster != rankings[1].cluster);
}

TEST_CASE("without a prompt, rankings of the same texts are one cluster, in whatever order") {
  std::vector<ImportRecord> records;
  records.push_back(record("", {"x", "y"}));
  records.push_back(record("", {"y", "x"}));
  records.push_back(record("", {"x", "z"}));
  const auto rankings = score_rankings(std::move(records), [](const auto&, const auto& texts, const auto&) {
    return std::vector<Score>(texts.size());
  });
  CHECK(rankings[0].cluster == rankings[1].cluster);
  CHECK(rankings[0].cluster != rankings[2].cluster);
}

TEST_CASE("accuracy counts untied pairs, equal scores half, and rankings of one prompt as one cluster") {
  const std::vector<ScoredRanking> rankings{scored({1, 2, 2}, {3, 1, 3}), scored({2, 1}, {5, 4}),
                                            scored({1, 2}, {0, -1}, 1), scored({1, 1}, {1, 2}, 2)};
  // Pairs: 3 > 1 right, 3 > 3 half; 5 < 4 wrong (the second should win); 0 > -1 right; a tie only.
  const RewardAccuracy found = reward_accuracy(scored_pairs(rankings));
  CHECK(found.pairs == 4);
  CHECK(found.prompts == 2);
  CHECK(found.accuracy.value == Approx(2.5 / 4));
  CHECK(reward_accuracy({}).pairs == 0);
}

TEST_CASE("a pair's gaps are of raw and normalised scores, of ranks, and of ratings where both have one") {
  ScoredRanking ranking = scored({3, 1, 2}, {0, 0.5, 2});
  ranking.provenance.ratings = {{1, "style", 4}, {1, "truth", 5}, {0, "style", 2}};
  const std::vector<ScoredRanking> rankings{ranking};
  const auto pairs = scored_pairs(rankings);
  REQUIRE(pairs.size() == 3);
  const ScoredPair best_worst = pairs[0], best_middle = pairs[1];
  CHECK((best_worst.chosen == 1 && best_worst.rejected == 0));
  CHECK(best_worst.gap() == 0.5);
  CHECK(best_worst.raw_gap() == 1);
  CHECK(best_worst.rank_gap() == 2);
  CHECK(best_worst.rating_gap() == 2.5);
  CHECK((best_middle.rejected == 2 && !best_middle.rating_gap()));
}
