// The ranking loss against InstructGPT's equation 1 in scalar loops (arXiv 2203.02155), ties left out.
#include "reward_model/ranking_loss.h"

#include <cmath>
#include <stdexcept>

#include "tests/support/catch.h"

using namespace rlhf;

namespace {

struct Case {
  std::vector<RankedSequences> rankings;
  std::vector<double> rewards;

  std::vector<const RankedSequences*> pointers() const {
    std::vector<const RankedSequences*> all;
    for (const RankedSequences& ranking : rankings) all.push_back(&ranking);
    return all;
  }
  torch::Tensor tensor() const { return torch::tensor(rewards, torch::kFloat64); }
};

/// One ranking for every K from 2 to 9: dense ranks drawn with ties when `ties`, else a permutation.
Case rankings_of_every_size(bool ties, double margin) {
  Case made;
  uint32_t state = 3;
  const auto draw = [&state](uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return static_cast<int>((state >> 16) % below);
  };
  for (uint32_t k = 2; k <= 9; ++k) {
    RankedSequences ranking;
    ranking.margin = margin;
    for (uint32_t i = 0; i < k; ++i) {
      ranking.ranks.push_back(static_cast<int>((i * 5 + 2) % k) + 1);
      if (k % 5 == 0) ranking.ranks.back() = static_cast<int>(i) + 1;
      if (ties && i > 0 && draw(2) == 0) ranking.ranks.back() = ranking.ranks[i - 1];
      made.rewards.push_back(0.37 * draw(20) - 3);
    }
    if (ranking.untied_pairs() > 0) {
      made.rankings.push_back(ranking);
    } else {
      made.rewards.resize(made.rewards.size() - k);
    }
  }
  return made;
}

struct Expected {
  double loss = 0, correct = 0, gaps = 0;
  int64_t pairs = 0;
};

Expected scalar_loss(const Case& given, const std::vector<double>& rewards) {
  Expected sum;
  size_t first = 0;
  for (const RankedSequences& ranking : given.rankings) {
    const size_t count = ranking.ranks.size();
    double loss = 0;
    int64_t pairs = 0;
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = a + 1; b < count; ++b) {
        if (ranking.ranks[a] == ranking.ranks[b]) continue;
        const bool a_wins = ranking.ranks[a] < ranking.ranks[b];
        const double gap = (a_wins ? 1 : -1) * (rewards[first + a] - rewards[first + b]);
        loss += std::log(1 + std::exp(-(gap - ranking.margin)));
        sum.correct += gap > 0 ? 1 : gap == 0 ? 0.5 : 0;
        sum.gaps += gap;
        ++pairs;
      }
    }
    sum.loss += loss / static_cast<double>(pairs);
    sum.pairs += pairs;
    first += count;
  }
  return sum;
}

RankedSequences ranked(std::vector<int> ranks, double margin = 0) {
  return {{}, std::move(ranks), margin};
}

}  // namespace

TEST_CASE("rankings of two to nine responses, with ties and margins, have the loss of scalar loops") {
  for (const bool ties : {false, true}) {
    for (const double margin : {0.0, 0.8}) {
      INFO("ties " << ties << ", margin " << margin);
      const Case given = rankings_of_every_size(ties, margin);
      REQUIRE(given.rankings.size() >= 7);
      const RankingLoss found = ranking_loss(given.tensor(), given.pointers());
      const Expected expected = scalar_loss(given, given.rewards);
      CHECK(found.loss.item<double>() == Approx(expected.loss).epsilon(1e-13));
      CHECK(found.correct == Approx(expected.correct));
      CHECK(found.margin_sum == Approx(expected.gaps).epsilon(1e-13));
      CHECK(found.pairs == expected.pairs);
      CHECK(found.rankings == static_cast<int64_t>(given.rankings.size()));
    }
  }
}

TEST_CASE("without a tie the loss is divided by all pairs, K over 2") {
  for (int k = 2; k <= 9; ++k) {
    std::vector<int> ranks;
    for (int i = 0; i < k; ++i) ranks.push_back(i + 1);
    const RankedSequences ranking = ranked(ranks);
    CHECK(ranking.untied_pairs() == k * (k - 1) / 2);
    // Equal rewards: every pair loses log 2, so does their mean.
    const RankingLoss found = ranking_loss(torch::zeros({k}, torch::kFloat64), {&ranking});
    CHECK(found.loss.item<double>() == Approx(std::log(2.0)).epsilon(1e-14));
    CHECK(found.correct == 0.5 * static_cast<double>(found.pairs));
  }
}

TEST_CASE("tied responses are in no pair: neither their loss nor the count they would add") {
  const RankedSequences with_tie = ranked({1, 2, 2}), pair = ranked({1, 2});
  const auto rewards = torch::tensor({0.7, -0.2, 1.5}, torch::kFloat64);
  const auto loss_of = [&](const torch::Tensor& r, const RankedSequences& ranking) {
    return ranking_loss(r, {&ranking}).loss.item<double>();
  };
  CHECK(with_tie.untied_pairs() == 2);
  const double first = loss_of(rewards.index_select(0, torch::tensor({0, 1})), pair);
  const double second = loss_of(rewards.index_select(0, torch::tensor({0, 2})), pair);
  CHECK(loss_of(rewards, with_tie) == Approx((first + second) / 2).epsilon(1e-14));
}

TEST_CASE("the gradient is that of finite differences of the scalar loops") {
  const Case given = rankings_of_every_size(true, 0.3);
  torch::Tensor rewards = given.tensor().requires_grad_();
  ranking_loss(rewards, given.pointers()).loss.backward();
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < given.rewards.size(); ++i) {
    std::vector<double> up = given.rewards, down = given.rewards;
    up[i] += kStep;
    down[i] -= kStep;
    const double slope = (scalar_loss(given, up).loss - scalar_loss(given, down).loss) / (2 * kStep);
    CHECK(rewards.grad()[static_cast<int64_t>(i)].item<double>() == Approx(slope).epsilon(1e-7).margin(1e-9));
  }
}

TEST_CASE("the loss falls as the winner's reward rises, and far gaps overflow nothing") {
  const RankedSequences pair = ranked({2, 1});
  const auto loss_of = [&](double loser, double winner) {
    return ranking_loss(torch::tensor({loser, winner}, torch::kFloat32), {&pair}).loss.item<double>();
  };
  CHECK(loss_of(0, 1) < loss_of(0, 0));
  CHECK(loss_of(0, 5000) == Approx(0).margin(1e-12));
  CHECK(loss_of(5000, 0) == Approx(5000));
}

TEST_CASE("a ranking of ties only has no loss and is refused") {
  const RankedSequences tied = ranked({1, 1, 1});
  CHECK_THROWS_AS(ranking_loss(torch::zeros({3}), {&tied}), std::invalid_argument);
}
