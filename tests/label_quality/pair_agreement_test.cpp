#include "label_quality/pair_agreement.h"

#include "label_quality/annotator_pairs.h"
#include "label_quality/krippendorff_alpha.h"
#include "tests/label_quality/answers.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

constexpr int64_t kAnna = 1, kBert = 2, kCarl = 3;

struct Counted {
  PairAgreement agreement;
  AnnotatorPairs pairs;
  Units units;

  explicit Counted(const std::vector<RankedAnswer>& answers) {
    for_each_voted_pair(answers, [&](const std::vector<Vote>& votes) {
      agreement.add(votes);
      pairs.add(votes);
      add_both_directions(votes, units);
    });
  }
};

/// Anna 1 > 2 > 3, Bert 1 > 3 > 2, Carl 1 > 2 = 3.
const std::vector<RankedAnswer> kThree = {
    test::answer(1, kAnna, {1, 2, 3}), test::answer(2, kBert, {1, 3, 2}), test::answer(3, kCarl, {1, 2, 2})};

}  // namespace

TEST_CASE("three people on three responses, by hand") {
  const Counted counted(kThree);
  const VoteTable& all = counted.agreement.all();
  CHECK(all.compared() == 9);    // three pairs of people on three pairs of responses
  CHECK(all.alike() == 6);       // all on the first two pairs, none on the third
  CHECK(all.told_apart() == 7);  // Carl's tie is left out of the third
  CHECK(all.told_alike() == 6);
  CHECK(all.disagreement() == Approx((1 + 0.5 + 0.5) / 9));
  const VoteTable& carl = counted.agreement.by_annotator().at(kCarl);
  CHECK(carl.compared() == 6);
  CHECK(carl.alike() == 4);
  CHECK(carl.told_apart() == 4);
  CHECK(carl.counts[1][0] == 1);  // he says tie, Anna that response 2 is better
  const VoteTable& together = counted.pairs.tables().at({kAnna, kBert});
  CHECK(together.compared() == 3);
  CHECK(together.told_alike() == 2);
  CHECK(counted.pairs.tables().size() == 3);
}

TEST_CASE("chance does not favour the lower id") {
  // Everybody always prefers the response that came first, as when chosen ones are imported first.
  std::vector<RankedAnswer> answers = {test::answer(1, kAnna, {1, 2}), test::answer(2, kBert, {1, 2})};
  const Counted counted(answers);
  CHECK(counted.agreement.all().kappa(KappaWeights::kNone).value() == Approx(1));
  CHECK(krippendorff_alpha(counted.units, Level::kNominal).value() == Approx(1));
}

TEST_CASE("kappa of two people's votes in both directions, by hand") {
  VoteTable table;  // 6 alike, 2 opposite, 2 times one says tie and the other an order
  table.add(Verdict::kFirst, Verdict::kFirst, 6);
  table.add(Verdict::kFirst, Verdict::kSecond, 2);
  table.add(Verdict::kTie, Verdict::kSecond, 2);
  // One: 0.4, 0.2, 0.4 of both directions; other: 0.5, 0, 0.5. Alike by chance 0.4, seen 0.6.
  CHECK(table.kappa(KappaWeights::kNone).value() == Approx((0.6 - 0.4) / (1 - 0.4)));
  // Ordered: seen 2 * 0.2 + 0.2, by chance 2 * 0.4 + 0.2.
  CHECK(table.kappa(KappaWeights::kLinear).value() == Approx(1 - 0.6 / 1.0));
}

TEST_CASE("who says it twice says it once, the latest, and who is not known does not count") {
  std::vector<RankedAnswer> answers = {test::answer(7, kAnna, {2, 1}), test::answer(3, kAnna, {1, 2})};
  CHECK(Counted(answers).agreement.all().compared() == 0);
  answers.push_back(test::answer(4, 0, {1, 2}));
  CHECK(Counted(answers).agreement.all().compared() == 0);
  answers.push_back(test::answer(5, kBert, {2, 1}));
  CHECK(Counted(answers).agreement.all().told_alike() == 1);
}

TEST_CASE("people who ranked different responses agree on those they share") {
  RankedAnswer wide = test::answer(1, kAnna, {1, 2, 3, 4});
  RankedAnswer narrow = test::answer(2, kBert, {1, 2});
  narrow.items = {{2, 0, 2}, {4, 1, 1}};
  const Counted counted({wide, narrow});
  CHECK(counted.agreement.all().compared() == 1);
  CHECK(counted.agreement.all().alike() == 0);
}

TEST_CASE("leave-one-out sums are those of the pairs of people") {
  std::vector<RankedAnswer> answers;
  const std::vector<std::vector<int>> ranks = {{1, 2, 3}, {2, 1, 3}, {1, 1, 2}, {3, 2, 1}, {1, 3, 2}};
  for (std::size_t i = 0; i < ranks.size(); ++i)
    answers.push_back(test::answer(static_cast<int64_t>(i), static_cast<int64_t>(i) + 1, ranks[i]));
  const Counted counted(answers);
  VoteTable pairs, own;
  for (const auto& [who, table] : counted.pairs.tables()) pairs += table;
  for (const auto& [who, table] : counted.agreement.by_annotator()) own += table;
  CHECK(pairs.compared() == counted.agreement.all().compared());
  CHECK(pairs.alike() == counted.agreement.all().alike());
  CHECK(pairs.told_apart() == counted.agreement.all().told_apart());
  CHECK(own.compared() == 2 * pairs.compared());
  CHECK(own.told_alike() == 2 * pairs.told_alike());
}

TEST_CASE("pairs of a crowd are not counted two by two, and that is told") {
  std::vector<Vote> crowd;
  for (int64_t i = 1; i <= 51; ++i) crowd.push_back({i, Verdict::kFirst});
  AnnotatorPairs pairs;
  pairs.add(crowd);
  CHECK(pairs.tables().empty());
  CHECK(pairs.left_out() == 1);
  crowd.pop_back();
  AnnotatorPairs of_one(7);
  of_one.add(crowd);
  CHECK(of_one.tables().size() == 49);
}

}  // namespace rlhf
