// How a minibatch is cut into micro-batches, and a batch among workers, changes nothing but rounding.
#include "tests/ppo/episodes.h"
#include "tests/support/catch.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

constexpr int kBatch = 12;

/// Loss, gradients and statistics of a minibatch handed over in the given micro-batches.
struct Outcome {
  double policy = 0, value = 0;
  torch::Tensor logprob_gradient, value_gradient;
  PolicyStatistics policy_statistics;
  ValueStatistics value_statistics;
};

Outcome in_parts(const std::vector<std::vector<int64_t>>& parts, const ScalarSettings& settings) {
  const auto episode = random_episode(21, kBatch, 9);
  const auto update = random_update(22, episode);
  const auto convention = convention_of(settings);
  const auto t = targets_of(episode, settings);
  const auto& tokens = t.experience.tokens;
  const auto& slots = t.experience.value_slots;
  auto logprobs = packed(update.logprobs, tokens).requires_grad_();
  auto entropy = packed(update.entropy, tokens);
  auto values = packed(update.values, slots).requires_grad_();
  Outcome out;
  for (const auto& part : parts) {
    const auto rows = tokens.rows(part), slot_rows = slots.rows(part);
    const auto pick = [](const torch::Tensor& x, const torch::Tensor& r) { return x.index_select(0, r); };
    const auto policy = policy_loss({pick(logprobs, rows), pick(entropy, rows),
                                     pick(t.experience.logprobs, rows), pick(t.advantages.whitened, rows)},
                                    convention, static_cast<double>(tokens.total()));
    const auto value = value_loss({pick(values, slot_rows), pick(t.experience.values, slot_rows),
                                   pick(t.advantages.returns, slot_rows)},
                                  convention, static_cast<double>(slots.total()));
    policy.loss.backward();
    value.loss.backward();
    out.policy += policy.loss.item<double>();
    out.value += value.loss.item<double>();
    out.policy_statistics += policy.statistics;
    out.value_statistics += value.statistics;
  }
  out.logprob_gradient = logprobs.grad();
  out.value_gradient = values.grad();
  return out;
}

}  // namespace

TEST_CASE("micro-batches of any size give the minibatch's loss, gradients and statistics") {
  ScalarSettings ours, trl;
  ours.missing_eos_score = -1, ours.ent_coef = 0.01;
  trl.score_in_next_slot = true;
  for (const auto& settings : {ours, trl}) {
    const auto whole = in_parts({{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}, settings);
    for (const auto& parts : std::vector<std::vector<std::vector<int64_t>>>{
             {{0, 1, 2, 3, 4, 5}, {6, 7, 8, 9, 10, 11}},
             {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}, {11}},
             {{11, 3}, {0, 1, 2, 4, 5, 6, 7}, {10, 9, 8}}}) {
      const auto cut = in_parts(parts, settings);
      CHECK(cut.policy == Approx(whole.policy).epsilon(1e-12));
      CHECK(cut.value == Approx(whole.value).epsilon(1e-12));
      CHECK(largest_difference(cut.logprob_gradient, whole.logprob_gradient) < 1e-15);
      CHECK(largest_difference(cut.value_gradient, whole.value_gradient) < 1e-15);
      CHECK(torch::allclose(torch::tensor(cut.policy_statistics.sums(), torch::kFloat64),
                            torch::tensor(whole.policy_statistics.sums(), torch::kFloat64), 1e-12));
      CHECK(torch::allclose(torch::tensor(cut.value_statistics.sums(), torch::kFloat64),
                            torch::tensor(whole.value_statistics.sums(), torch::kFloat64), 1e-12));
      CHECK(cut.policy_statistics.ratio_gap == whole.policy_statistics.ratio_gap);
    }
  }
}

TEST_CASE("micro-batches normalised by their own counts would give another loss") {
  // What the global count prevents: the mean of micro-batch means weighs short responses more.
  const auto episode = random_episode(21, kBatch, 9);
  const auto t = targets_of(episode, {});
  const auto update = random_update(22, episode);
  const auto& tokens = t.experience.tokens;
  const auto logprobs = packed(update.logprobs, tokens);
  double mean_of_means = 0;
  for (const auto& part : std::vector<std::vector<int64_t>>{{0}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}) {
    const auto rows = tokens.rows(part);
    const auto pick = [&](const torch::Tensor& x) { return x.index_select(0, rows); };
    mean_of_means += 0.5 * policy_loss({pick(logprobs), pick(logprobs), pick(t.experience.logprobs),
                                        pick(t.advantages.whitened)},
                                       {}, static_cast<double>(rows.numel()))
                               .loss.item<double>();
  }
  CHECK(std::abs(mean_of_means - in_parts({{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}}, {}).policy) > 1e-3);
}

TEST_CASE("moments summed over workers whiten as the whole batch does") {
  const auto whole = targets_of(random_episode(31, kBatch, 9), {});
  for (const std::vector<int64_t>& sizes : {std::vector<int64_t>{20, 7, 13}, {1, 1, 38}}) {
    auto rest = whole.advantages.raw.size(0);
    std::vector<torch::Tensor> parts;
    Moments global;
    for (int64_t size : sizes) {
      const auto part =
          whole.advantages.raw.narrow(0, whole.advantages.raw.size(0) - rest, std::min(size, rest));
      rest -= part.size(0);
      parts.push_back(part);
      global += Moments::of(part);
    }
    parts.push_back(whole.advantages.raw.narrow(0, whole.advantages.raw.size(0) - rest, rest));
    global += Moments::of(parts.back());
    std::vector<torch::Tensor> whitened;
    for (const auto& part : parts) {
      whitened.push_back(whiten(part, global));
    }
    CHECK(largest_difference(torch::cat(whitened), whole.advantages.whitened) < 1e-12);
  }
}
