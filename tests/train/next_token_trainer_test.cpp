#include "train/next_token_trainer.h"

#include <cmath>
#include <numbers>

#include <torch/autograd.h>
#include <torch/utils.h>

#include "contract/error.h"
#include "tests/ppo/thread_collective.h"
#include "tests/support/catch.h"
#include "tests/train/surroundings.h"
#include "tests/train/tiny_models.h"

using namespace rlhf;
using namespace rlhf::test;

namespace {

/// Completion-only sequences of different lengths: the first half is a prompt.
std::vector<SupervisedSample> samples(int64_t count, uint32_t state = 1) {
  std::vector<SupervisedSample> made;
  for (int64_t s = 0; s < count; ++s) {
    SupervisedSequence sequence;
    const size_t length = 4 + static_cast<size_t>(s * 5 % 11);
    for (size_t i = 0; i < length; ++i) {
      state = state * 1664525u + 1013904223u;
      sequence.token_ids.push_back(static_cast<TokenId>(3 + (state >> 16) % 9));
      sequence.supervised.push_back(i > 0 && i >= length / 2);
    }
    made.push_back({sequence});
  }
  return made;
}

TrainingOptions options(int64_t micro_batch, int64_t accumulation) {
  TrainingOptions o;
  o.per_device_train_batch_size = micro_batch;
  o.gradient_accumulation_steps = accumulation;
  o.max_steps = 4;
  o.learning_rate = 1e-2;
  o.lr_scheduler_type = "cosine";
  o.warmup_steps = 2;
  o.weight_decay = 0.01;
  o.logging_steps = 1;
  o.save_steps = 0;
  return o;
}

/// -log p of the supervised tokens, one sequence and one token at a time, over whole rows of logits.
torch::Tensor plain_nats(const LanguageModel& model, const std::vector<SupervisedSample>& batch,
                         int64_t& tokens) {
  torch::Tensor nats = torch::zeros({}, torch::kFloat64);
  for (const SupervisedSample& sample : batch) {
    for (const SupervisedSequence& sequence : sample) {
      const TokenBatch alone = TokenBatch::pack({sequence.token_ids});
      const torch::Tensor logprobs = torch::log_softmax(model.logits(model.decoder().forward(alone)), -1);
      for (size_t i = 1; i < sequence.token_ids.size(); ++i) {
        if (!sequence.supervised[i]) continue;
        nats = nats - logprobs[static_cast<int64_t>(i) - 1][sequence.token_ids[i]];
        ++tokens;
      }
    }
  }
  return nats;
}

/// What `steps` steps on `data` leave behind.
struct Trained {
  std::vector<double> losses, norms;
  torch::Tensor weights;
};

Trained train(const TrainingOptions& o, const std::vector<SupervisedSample>& data, Collective& collective,
              int64_t steps = 3) {
  LanguageModel model = tiny_language_model(torch::kFloat64);
  NextTokenTrainer trainer(model, data, {}, o, collective);
  Trained trained;
  for (int64_t step = 0; step < steps; ++step) {
    const StepReport report = trainer.step(step);
    trained.losses.push_back(metric(report.averaged, "loss"));
    trained.norms.push_back(metric(report.averaged, "grad_norm"));
  }
  trained.weights = weights_of(model.parameters());
  return trained;
}

void check_same(const Trained& found, const Trained& expected) {
  for (size_t i = 0; i < expected.losses.size(); ++i) {
    CHECK(found.losses[i] == Approx(expected.losses[i]).epsilon(1e-12));
    CHECK(found.norms[i] == Approx(expected.norms[i]).epsilon(1e-11));
  }
  CHECK((found.weights - expected.weights).abs().max().item<double>() < 1e-11);
}

}  // namespace

TEST_CASE("loss, gradient norm and rate of a step are those of plain autograd over whole logits") {
  const auto data = samples(6);
  const auto single = Collective::single();
  LanguageModel model = tiny_language_model(torch::kFloat64);
  int64_t tokens = 0;
  const torch::Tensor nats = plain_nats(model, data, tokens);
  const torch::Tensor expected = nats / static_cast<double>(tokens);
  std::vector<torch::Tensor> weights;
  for (const NamedTensor& parameter : model.parameters()) weights.push_back(parameter.tensor);
  double squares = 0;
  for (const torch::Tensor& gradient : torch::autograd::grad({expected}, weights))
    squares += gradient.square().sum().item<double>();

  NextTokenTrainer trainer(model, data, {}, options(6, 1), *single);
  CHECK(trainer.total_steps() == 4);
  const StepReport report = trainer.step(0);  // the six samples, in another order
  CHECK(metric(report.averaged, "loss") == Approx(expected.item<double>()).epsilon(1e-12));
  CHECK(metric(report.averaged, "grad_norm") == Approx(std::sqrt(squares)).epsilon(1e-11));
  CHECK(metric(report.latest, "learning_rate") == 0);
  CHECK(metric(trainer.step(1).latest, "learning_rate") == Approx(0.5e-2));
}

TEST_CASE("micro-batches of any size, and any number of processes, make the same losses and weights") {
  const auto data = samples(9);
  const auto single = Collective::single();
  for (const double dropout : {0.0, 0.2}) {
    const auto with_dropout = [&](TrainingOptions o) {
      o.dropout = o.embedding_dropout = o.token_dropout = dropout;
      return o;
    };
    const Trained whole = train(with_dropout(options(6, 1)), data, *single);
    check_same(train(with_dropout(options(1, 6)), data, *single), whole);
    check_same(train(with_dropout(options(3, 2)), data, *single), whole);
    run_processes(2, [&](Collective& collective) {
      const Trained part = train(with_dropout(options(3, 1)), data, collective);
      if (collective.is_first()) check_same(part, whole);
    });
    run_processes(3, [&](Collective& collective) {
      const Trained part = train(with_dropout(options(1, 2)), data, collective);
      if (collective.is_first()) check_same(part, whole);
    });
  }
}

TEST_CASE("packed sequences lose what they lose apart") {
  const auto data = samples(9);
  std::vector<SupervisedSequence> sequences;
  for (const SupervisedSample& sample : data) sequences.push_back(sample.front());
  const auto packed = pack_sequences(sequences, 30);
  REQUIRE(packed.size() < data.size());
  const LanguageModel model = tiny_language_model(torch::kFloat64);
  const NextTokenEvaluation apart = evaluate_next_token(model, data, 2),
                            together = evaluate_next_token(model, packed, 2);
  CHECK(together.tokens == apart.tokens);
  CHECK(together.correct == apart.correct);
  CHECK(together.nats == Approx(apart.nats).epsilon(1e-12));
}

TEST_CASE("evaluation is the mean over all supervised tokens, and bits per byte when bytes are known") {
  const auto data = samples(7);
  const auto single = Collective::single();
  LanguageModel model = tiny_language_model(torch::kFloat64);
  int64_t tokens = 0;
  const double nats = plain_nats(model, data, tokens).item<double>();
  NextTokenTrainer trainer(model, samples(2), data, options(1, 1), *single);
  CHECK(metric(trainer.evaluate(), "loss") == Approx(nats / static_cast<double>(tokens)).epsilon(1e-12));
  CHECK(trainer.evaluate().size() == 2);
  trainer.set_eval_bytes(1000);
  CHECK(metric(trainer.evaluate(), "bits_per_byte") == Approx(nats / std::numbers::ln2 / 1000));
}

TEST_CASE("training lowers the loss of what it learns") {
  const auto single = Collective::single();
  TrainingOptions o = options(6, 1);
  o.max_steps = 60;
  const Trained trained = train(o, samples(6), *single, 60);
  CHECK(trained.losses.back() < 0.5 * trained.losses.front());
}

TEST_CASE("a run interrupted and resumed ends with the same bits, rates and rows") {
  const auto single = Collective::single();
  const auto data = samples(9);
  TrainingOptions o = options(2, 2);
  o.dropout = 0.1;
  o.max_steps = 6;
  const auto run = [&](LanguageModel& model, FolderSaver& folders, MemoryMetrics& losses, int64_t from,
                       int64_t stop_after) {
    NextTokenTrainer trainer(model, data, {}, o, *single);
    TrainerState state;
    if (from > 0) {
      state = TrainerState::load(folders.folder_of(from));
      trainer.resume(folders.folder_of(from), state);
    }
    int64_t reached = 0;
    const TrainingSurroundings around{folders, losses, *single,
                                      [&](int64_t step, int64_t, const Metrics&) { reached = step; },
                                      [&] { return stop_after > 0 && reached + 1 >= stop_after; }};
    trainer.train(state, around, [&](const std::filesystem::path& folder) {
      write_safetensors(folder / "weights.safetensors", model.parameters());
    });
  };
  LanguageModel whole = tiny_language_model(torch::kFloat64);
  FolderSaver whole_folders, cut_folders;
  MemoryMetrics whole_losses, cut_losses;
  run(whole, whole_folders, whole_losses, 0, 0);

  LanguageModel cut = tiny_language_model(torch::kFloat64);
  CHECK_THROWS_AS(run(cut, cut_folders, cut_losses, 0, 3), Interrupted);
  LanguageModel resumed = tiny_language_model(torch::kFloat64, 99);
  const auto stored = SafetensorsFile::open(cut_folders.folder_of(3) / "weights.safetensors");
  {
    const torch::NoGradGuard no_grad;
    for (const NamedTensor& parameter : resumed.parameters())
      torch::Tensor(parameter.tensor).copy_(stored.tensor(parameter.name));
  }
  run(resumed, cut_folders, cut_losses, 3, 0);
  CHECK(torch::equal(weights_of(resumed.parameters()), weights_of(whole.parameters())));
  CHECK(cut_losses.rows == whole_losses.rows);
}
