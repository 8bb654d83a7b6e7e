#include "reward_model/reward_trainer.h"

#include <cmath>

#include <torch/autograd.h>
#include <torch/utils.h>

#include "contract/error.h"
#include "reward_model/normalizer.h"
#include "tests/ppo/thread_collective.h"
#include "tests/support/catch.h"
#include "tests/train/surroundings.h"
#include "tests/train/tiny_models.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// Rankings of 2, 3, 4, ... responses in turn, some with a tie.
std::vector<RankedSequences> rankings(int64_t count, uint32_t state = 5) {
  std::vector<RankedSequences> made;
  for (int64_t r = 0; r < count; ++r) {
    RankedSequences ranking;
    const int responses = 2 + static_cast<int>(r % 3);
    for (int i = 0; i < responses; ++i) {
      ranking.ranks.push_back(i + 1);
      ranking.sequences.emplace_back();
      for (size_t t = 0; t < 3 + static_cast<size_t>((r + 2 * i) % 5); ++t) {
        state = state * 1664525u + 1013904223u;
        ranking.sequences.back().push_back(static_cast<TokenId>(3 + (state >> 16) % 9));
      }
      ranking.sequences.back().push_back(kEos);
    }
    if (responses == 4) ranking.ranks = {2, 1, 2, 3};
    made.push_back(ranking);
  }
  return made;
}

TrainingOptions options(int64_t micro_batch, int64_t accumulation) {
  TrainingOptions o;
  o.per_device_train_batch_size = micro_batch;
  o.gradient_accumulation_steps = accumulation;
  o.max_steps = 4;
  o.learning_rate = 1e-2;
  o.lr_scheduler_type = "constant";
  o.logging_steps = 1;
  o.save_steps = 0;
  return o;
}

/// The reward at the last token, one sequence at a time.
torch::Tensor reward_of(const ScalarModel& model, const std::vector<TokenId>& ids) {
  const torch::Tensor hidden = model.decoder().forward(TokenBatch::pack({ids}));
  return model.values(hidden.narrow(0, hidden.size(0) - 1, 1)).squeeze(0);
}

/// Mean over rankings of the mean over untied pairs, one pair at a time.
torch::Tensor plain_loss(const ScalarModel& model, const std::vector<RankedSequences>& all) {
  torch::Tensor sum = torch::zeros({}, torch::kFloat64);
  for (const RankedSequences& ranking : all) {
    torch::Tensor pairs = torch::zeros({}, torch::kFloat64);
    int count = 0;
    for (size_t w = 0; w < ranking.ranks.size(); ++w) {
      for (size_t l = 0; l < ranking.ranks.size(); ++l) {
        if (ranking.ranks[w] >= ranking.ranks[l]) continue;
        const torch::Tensor gap =
            reward_of(model, ranking.sequences[w]) - reward_of(model, ranking.sequences[l]);
        pairs = pairs - torch::log(torch::sigmoid(gap));
        ++count;
      }
    }
    sum = sum + pairs / count;
  }
  return sum / static_cast<double>(all.size());
}

struct Trained {
  std::vector<StepReport> reports;
  torch::Tensor weights;
};

Trained train(const TrainingOptions& o, Collective& collective, int64_t steps = 3) {
  ScalarModel model = tiny_scalar_model(torch::kFloat64);
  RewardTrainer trainer(model, rankings(9), {}, o, collective);
  Trained trained;
  for (int64_t step = 0; step < steps; ++step) trained.reports.push_back(trainer.step(step));
  trained.weights = weights_of(model.parameters());
  return trained;
}

void check_same(const Trained& found, const Trained& expected) {
  for (size_t i = 0; i < expected.reports.size(); ++i) {
    for (const auto& [name, value] : expected.reports[i].averaged) {
      if (name == "tokens_per_second") continue;
      INFO(name << " of step " << i);
      CHECK(metric(found.reports[i].averaged, name) == Approx(value).epsilon(1e-11));
    }
    CHECK(metric(found.reports[i].latest, "num_tokens") == metric(expected.reports[i].latest, "num_tokens"));
  }
  CHECK((found.weights - expected.weights).abs().max().item<double>() < 1e-11);
}

}  // namespace

TEST_CASE("loss and gradient of a step are those of plain autograd, one pair at a time") {
  const auto single = Collective::single();
  ScalarModel model = tiny_scalar_model(torch::kFloat64);
  const torch::Tensor expected = plain_loss(model, rankings(6));
  std::vector<torch::Tensor> weights;
  for (const NamedTensor& parameter : model.parameters()) weights.push_back(parameter.tensor);
  double squares = 0;
  for (const torch::Tensor& gradient : torch::autograd::grad({expected}, weights))
    squares += gradient.square().sum().item<double>();

  RewardTrainer trainer(model, rankings(6), {}, options(6, 1), *single);
  const StepReport report = trainer.step(0);
  CHECK(metric(report.averaged, "loss") == Approx(expected.item<double>()).epsilon(1e-12));
  CHECK(metric(report.averaged, "grad_norm") == Approx(std::sqrt(squares)).epsilon(1e-11));
}

TEST_CASE("micro-batches of any size, and any number of processes, make the same metrics and weights") {
  const auto single = Collective::single();
  for (const double dropout : {0.0, 0.2}) {
    const auto with_dropout = [&](TrainingOptions o) {
      o.dropout = o.token_dropout = dropout;
      return o;
    };
    const Trained whole = train(with_dropout(options(6, 1)), *single);
    check_same(train(with_dropout(options(1, 6)), *single), whole);
    check_same(train(with_dropout(options(3, 2)), *single), whole);
    run_processes(2, [&](Collective& collective) {
      const Trained part = train(with_dropout(options(1, 3)), collective);
      if (collective.is_first()) check_same(part, whole);
    });
  }
}

TEST_CASE("evaluation gives the plain loss and the share of pairs in the right order, whatever the batch") {
  const ScalarModel model = tiny_scalar_model(torch::kFloat64);
  const auto data = rankings(7);
  double correct = 0, pairs = 0, margin = 0, sum = 0, responses = 0;
  const torch::NoGradGuard no_grad;
  for (const RankedSequences& ranking : data) {
    std::vector<double> rewards;
    for (const auto& ids : ranking.sequences) rewards.push_back(reward_of(model, ids).item<double>());
    for (size_t w = 0; w < rewards.size(); ++w) {
      sum += rewards[w];
      ++responses;
      for (size_t l = 0; l < rewards.size(); ++l) {
        if (ranking.ranks[w] >= ranking.ranks[l]) continue;
        correct += rewards[w] > rewards[l] ? 1 : 0;
        margin += rewards[w] - rewards[l];
        ++pairs;
      }
    }
  }
  for (const int64_t batch : {1, 3, 7}) {
    const RankingEvaluation found = evaluate_rankings(model, data, batch);
    CHECK(found.loss == Approx(plain_loss(model, data).item<double>()).epsilon(1e-12));
    CHECK(found.accuracy == Approx(correct / pairs));
    CHECK(found.margin == Approx(margin / pairs).epsilon(1e-11));
    CHECK(found.mean_reward == Approx(sum / responses).epsilon(1e-11));
    CHECK(static_cast<double>(found.pairs) == pairs);
    CHECK(found.min_reward <= found.mean_reward);
    CHECK(found.mean_reward <= found.max_reward);
  }
}

TEST_CASE("training orders the responses it learns from") {
  const auto single = Collective::single();
  ScalarModel model = tiny_scalar_model(torch::kFloat64);
  RewardTrainer trainer(model, rankings(6), rankings(6), options(6, 1), *single);
  for (int64_t step = 0; step < 60; ++step) trainer.step(step);
  CHECK(metric(trainer.evaluate(), "accuracy") == 1);
  CHECK(metric(trainer.evaluate(), "loss") < 0.1);
}

TEST_CASE("a run interrupted and resumed ends with the same bits and rows") {
  const auto single = Collective::single();
  const auto run = [&](ScalarModel& model, FolderSaver& saver, MemoryMetrics& metrics, int64_t from,
                       int64_t stop) {
    RewardTrainer trainer(model, rankings(9), rankings(2), options(2, 2), *single);
    TrainerState state;
    if (from > 0) {
      state = TrainerState::load(saver.folder_of(from));
      trainer.resume(saver.folder_of(from), state);
    }
    int64_t reached = 0;
    const TrainingSurroundings around{saver, metrics, *single,
                                      [&](int64_t step, int64_t, const Metrics&) { reached = step; },
                                      [&] { return stop > 0 && reached + 1 >= stop; }};
    trainer.train(state, around, [&](const std::filesystem::path& folder) {
      write_safetensors(folder / "weights.safetensors", model.parameters());
    });
  };
  ScalarModel whole = tiny_scalar_model(torch::kFloat64), cut = tiny_scalar_model(torch::kFloat64),
              resumed = tiny_scalar_model(torch::kFloat64, 99);
  FolderSaver whole_saver, cut_saver;
  MemoryMetrics whole_metrics, cut_metrics;
  run(whole, whole_saver, whole_metrics, 0, 0);
  CHECK_THROWS_AS(run(cut, cut_saver, cut_metrics, 0, 2), Interrupted);
  const auto stored = SafetensorsFile::open(cut_saver.folder_of(2) / "weights.safetensors");
  {
    const torch::NoGradGuard no_grad;
    for (const NamedTensor& parameter : resumed.parameters())
      torch::Tensor(parameter.tensor).copy_(stored.tensor(parameter.name));
  }
  run(resumed, cut_saver, cut_metrics, 2, 0);
  CHECK(torch::equal(weights_of(resumed.parameters()), weights_of(whole.parameters())));
  CHECK((cut_metrics.rows == whole_metrics.rows));
}

TEST_CASE("the normaliser holds mean and biased deviation of the reward at the end of every sequence") {
  const ScalarModel model = tiny_scalar_model(torch::kFloat64);
  std::vector<std::vector<TokenId>> sequences;
  for (const RankedSequences& ranking : rankings(4))
    sequences.insert(sequences.end(), ranking.sequences.begin(), ranking.sequences.end());
  const torch::NoGradGuard no_grad;
  double sum = 0, squares = 0;
  for (const auto& ids : sequences) {
    const double reward = reward_of(model, ids).item<double>();
    sum += reward;
    squares += reward * reward;
  }
  const auto count = static_cast<double>(sequences.size());
  const double mean = sum / count;
  for (const int64_t batch : {1, 4, 100}) {
    const RewardNormalizer found = measure_normalizer(model, sequences, batch);
    CHECK(found.mean == Approx(mean).epsilon(1e-11));
    CHECK(found.std == Approx(std::sqrt(squares / count - mean * mean)).epsilon(1e-10));
  }
  CHECK(measure_normalizer(model, {sequences[0], sequences[0]}, 2).std == 1);
}
