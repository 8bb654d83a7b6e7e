#include "train/next_token_trainer.h"

#include <algorithm>
#include <numbers>

#include <torch/utils.h>

#include "train/dropout_keys.h"
#include "train/micro_batches.h"

namespace rlhf {
namespace {

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
    const torch::Tensor hidden = model.decoder().forward_rows(batch.tokens, batch.rows);
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
    : SampleTrainer(model.parameters(), static_cast<int64_t>(train.size()), options, collective),
      model_(model),
      train_(std::move(train)),
      eval_(std::move(eval)) {}

SampleTrainer::Pass NextTokenTrainer::accumulate_gradients(int64_t step,
                                                           const std::vector<int64_t>& indices) {
  const Share whole{0, static_cast<int64_t>(indices.size())};
  int64_t supervised = 0, sequences_before = 0;
  for (const SupervisedSample* sample : pick(train_, indices, whole))
    supervised += supervised_tokens(*sample);
  const Share share = share_of(whole.end, collective().rank(), collective().world_size());
  for (const SupervisedSample* sample : pick(train_, indices, {0, share.begin}))
    sequences_before += static_cast<int64_t>(sample->size());

  std::vector<double> sums(4, 0.0);  // nats, correct, entropy, tokens that went through the network
  for (const Share& part : micro_batches(share, options().samples_a_pass())) {
    const SupervisedBatch batch =
        make_supervised_batch(pick(train_, indices, part), model_.decoder().device());
    const Dropout dropout = training_dropout(options(), step, sequences_before, batch.tokens.sequences());
    sequences_before += batch.tokens.sequences();
    const torch::Tensor hidden = model_.decoder().forward_rows(batch.tokens, batch.rows, dropout);
    const auto [sum, tokens] = model_.sum_of_logprobs(hidden, batch.targets);
    (sum / -static_cast<double>(supervised)).backward();
    sums[0] -= sum.item<double>();
    sums[1] += tokens.correct.sum().item<double>();
    sums[2] += tokens.entropy.sum().item<double>();
    sums[3] += static_cast<double>(batch.tokens.tokens());
  }
  collective().all_reduce_sum(sums);
  const double count = static_cast<double>(supervised);
  return {{{"loss", sums[0] / count}, {"mean_token_accuracy", sums[1] / count}, {"entropy", sums[2] / count}},
          sums[3]};
}

Metrics NextTokenTrainer::evaluate() const {
  const NextTokenEvaluation total = evaluate_next_token(model_, eval_, options().per_device_eval_batch_size);
  const double count = static_cast<double>(total.tokens);
  Metrics metrics{{"loss", total.nats / count},
                  {"mean_token_accuracy", static_cast<double>(total.correct) / count}};
  if (eval_bytes_ > 0)
    metrics.emplace_back("bits_per_byte", total.nats / std::numbers::ln2 / static_cast<double>(eval_bytes_));
  return metrics;
}

}  // namespace rlhf
