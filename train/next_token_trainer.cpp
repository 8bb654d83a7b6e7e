#include "train/next_token_trainer.h"

#include <algorithm>
#include <chrono>
#include <numbers>

#include <torch/utils.h>

#include "train/dropout_keys.h"
#include "train/learning_rate_schedule.h"
#include "train/micro_batches.h"

namespace rlhf {
namespace {

AdamWOptions adamw(const TrainingOptions& o) {
  return {o.adam_beta1,   o.adam_beta2,    o.adam_epsilon,
          o.weight_decay, o.max_grad_norm, o.embedding_learning_rate_scale};
}

int64_t global_batch_size(const TrainingOptions& options, const Collective& collective) {
  return options.per_device_train_batch_size * options.gradient_accumulation_steps * collective.world_size();
}

std::vector<const SupervisedSample*> pick(const std::vector<SupervisedSample>& samples,
                                          const std::vector<int64_t>& indices, Share share) {
  std::vector<const SupervisedSample*> picked;
  for (int64_t i = share.begin; i < share.end; ++i)
    picked.push_back(&samples[static_cast<size_t>(indices[static_cast<size_t>(i)])]);
  return picked;
}

int64_t tokens_of(const SupervisedSample& sample) {
  int64_t tokens = 0;
  for (const SupervisedSequence& sequence : sample) tokens += static_cast<int64_t>(sequence.token_ids.size());
  return tokens;
}

template <typename Count>
std::vector<int64_t> counts(const std::vector<SupervisedSample>& samples, const Count& count) {
  std::vector<int64_t> all;
  for (const SupervisedSample& sample : samples) all.push_back(count(sample));
  return all;
}

}  // namespace

MemoryPlan plan_next_token_training(const ModelConfig& config, const PassOptions& pass,
                                    const std::vector<SupervisedSample>& train,
                                    const std::vector<SupervisedSample>& eval, const TrainingOptions& options,
                                    int64_t micro_batch_size) {
  return plan_training({"model", config, pass},
                       {most_tokens(counts(train, tokens_of), micro_batch_size),
                        most_tokens(counts(train, supervised_tokens), micro_batch_size)},
                       most_tokens(counts(eval, tokens_of), std::min(options.per_device_eval_batch_size,
                                                                     static_cast<int64_t>(eval.size()))));
}

NextTokenEvaluation evaluate_next_token(const LanguageModel& model,
                                        const std::vector<SupervisedSample>& samples, int64_t batch_size) {
  torch::NoGradGuard no_grad;
  NextTokenEvaluation total;
  std::vector<int64_t> indices(samples.size());
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = static_cast<int64_t>(i);
  for (const Share& part : micro_batches({0, static_cast<int64_t>(samples.size())}, batch_size)) {
    const SupervisedBatch batch =
        make_supervised_batch(pick(samples, indices, part), model.decoder().device());
    const torch::Tensor hidden = model.decoder().forward(batch.tokens).index_select(0, batch.rows);
    const TokenLogprobs logprobs = model.token_logprobs(hidden, batch.targets, {.statistics = true});
    total.nats -= logprobs.logprobs.sum(torch::kFloat64).item<double>();
    total.tokens += batch.targets.size(0);
    total.correct += logprobs.correct.sum().item<int64_t>();
  }
  return total;
}

NextTokenTrainer::NextTokenTrainer(LanguageModel& model, std::vector<SupervisedSample> train,
                                   std::vector<SupervisedSample> eval, const TrainingOptions& options,
                                   Collective& collective)
    : model_(model),
      train_(std::move(train)),
      eval_(std::move(eval)),
      options_(options),
      collective_(collective),
      order_(options.seed, static_cast<int64_t>(train_.size())),
      optimizer_(model.parameters(), adamw(options), collective) {}

int64_t NextTokenTrainer::total_steps() const {
  return rlhf::total_steps(options_.max_steps, options_.num_train_epochs, static_cast<int64_t>(train_.size()),
                           global_batch_size(options_, collective_));
}

std::vector<int64_t> NextTokenTrainer::global_batch(int64_t step) {
  const int64_t size = global_batch_size(options_, collective_);
  return order_.draw(step * size, size);
}

StepReport NextTokenTrainer::step(int64_t step) {
  const auto started = std::chrono::steady_clock::now();
  const std::vector<int64_t> indices = global_batch(step);
  const Share whole{0, static_cast<int64_t>(indices.size())};
  int64_t supervised = 0, sequences_before = 0;
  for (const SupervisedSample* sample : pick(train_, indices, whole))
    supervised += supervised_tokens(*sample);
  const Share share = share_of(whole.end, collective_.rank(), collective_.world_size());
  for (const SupervisedSample* sample : pick(train_, indices, {0, share.begin}))
    sequences_before += static_cast<int64_t>(sample->size());

  std::vector<double> sums(4, 0.0);  // nats, correct, entropy, tokens that went through the network
  for (const Share& part : micro_batches(share, options_.samples_a_pass())) {
    const SupervisedBatch batch =
        make_supervised_batch(pick(train_, indices, part), model_.decoder().device());
    const Dropout dropout = training_dropout(options_, step, sequences_before, batch.tokens.sequences());
    sequences_before += batch.tokens.sequences();
    const torch::Tensor hidden = model_.decoder().forward(batch.tokens, dropout).index_select(0, batch.rows);
    const auto [sum, tokens] = model_.sum_of_logprobs(hidden, batch.targets);
    (sum / -static_cast<double>(supervised)).backward();
    sums[0] -= sum.item<double>();
    sums[1] += tokens.correct.sum().item<double>();
    sums[2] += tokens.entropy.sum().item<double>();
    sums[3] += static_cast<double>(batch.tokens.tokens());
  }
  collective_.all_reduce_sum(sums);

  const LearningRateSchedule schedule{options_.lr_scheduler_type, options_.learning_rate,
                                      options_.warmup_steps, options_.min_lr_rate, total_steps()};
  const double learning_rate = schedule.rate(step);
  const OptimizerStep::Result result = optimizer_.step(learning_rate);
  num_tokens_ += static_cast<int64_t>(sums[3]);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  const double count = static_cast<double>(supervised);
  return {.averaged = {{"loss", sums[0] / count},
                       {"grad_norm", result.grad_norm},
                       {"mean_token_accuracy", sums[1] / count},
                       {"entropy", sums[2] / count},
                       {"tokens_per_second", sums[3] / elapsed.count()}},
          .latest = {{"learning_rate", learning_rate},
                     {"num_tokens", static_cast<double>(num_tokens_)},
                     {"skipped_steps", static_cast<double>(optimizer_.non_finite_total())}}};
}

Metrics NextTokenTrainer::evaluate() const {
  const NextTokenEvaluation total = evaluate_next_token(model_, eval_, options_.per_device_eval_batch_size);
  const double count = static_cast<double>(total.tokens);
  Metrics metrics{{"loss", total.nats / count},
                  {"mean_token_accuracy", static_cast<double>(total.correct) / count}};
  if (eval_bytes_ > 0)
    metrics.emplace_back("bits_per_byte", total.nats / std::numbers::ln2 / static_cast<double>(eval_bytes_));
  return metrics;
}

void NextTokenTrainer::resume(const std::filesystem::path& checkpoint, const TrainerState& state) {
  optimizer_.load_state(SafetensorsFile::open(checkpoint / "optimizer.safetensors"));
  num_tokens_ = state.stage.value("num_tokens", int64_t{0});
}

void NextTokenTrainer::train(TrainerState& state, const TrainingSurroundings& surroundings,
                             const std::function<void(const std::filesystem::path&)>& save_model) {
  state.max_steps = total_steps();
  state.micro_batch_size = options_.samples_a_pass();
  const int64_t batch = global_batch_size(options_, collective_);
  TrainingSteps steps;
  steps.step = [&](int64_t index) {
    StepReport report = step(index);
    state.stage["num_tokens"] = num_tokens_;
    return report;
  };
  if (!eval_.empty()) steps.evaluate = [this] { return evaluate(); };
  steps.save = [&](const std::filesystem::path& folder) {
    save_model(folder);
    write_safetensors(folder / "optimizer.safetensors", optimizer_.state());
  };
  steps.epoch = [&](int64_t done) { return order_.epoch_at(done * batch); };
  run_training_loop(state, {options_.logging_steps, options_.eval_steps, options_.save_steps}, steps,
                    surroundings);
}

}  // namespace rlhf
