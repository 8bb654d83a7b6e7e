#include "train/sample_trainer.h"

#include <chrono>

#include "train/learning_rate_schedule.h"
#include "train/micro_batches.h"

namespace rlhf {

SampleTrainer::SampleTrainer(std::vector<NamedTensor> parameters, int64_t samples,
                             const TrainingOptions& options, Collective& collective)
    : options_(options),
      collective_(collective),
      samples_(samples),
      order_(options.seed, samples),
      optimizer_(std::move(parameters), adamw_options(options), collective) {}

int64_t SampleTrainer::batch_size() const {
  return options_.per_device_train_batch_size * options_.gradient_accumulation_steps *
         collective_.world_size();
}

int64_t SampleTrainer::total_steps() const {
  return rlhf::total_steps(options_.max_steps, options_.num_train_epochs, samples_, batch_size());
}

StepReport SampleTrainer::step(int64_t step) {
  const auto started = std::chrono::steady_clock::now();
  Pass pass = accumulate_gradients(step, order_.draw(step * batch_size(), batch_size()));
  const LearningRateSchedule schedule{options_.lr_scheduler_type, options_.learning_rate,
                                      options_.warmup_steps, options_.min_lr_rate, total_steps()};
  const double learning_rate = schedule.rate(step);
  const OptimizerStep::Result result = optimizer_.step(learning_rate);
  num_tokens_ += static_cast<int64_t>(pass.tokens);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  pass.averaged.emplace_back("grad_norm", result.grad_norm);
  pass.averaged.emplace_back("tokens_per_second", pass.tokens / elapsed.count());
  return {.averaged = std::move(pass.averaged),
          .latest = {{"learning_rate", learning_rate},
                     {"num_tokens", static_cast<double>(num_tokens_)},
                     {"skipped_steps", static_cast<double>(optimizer_.non_finite_total())}}};
}

void SampleTrainer::resume(const std::filesystem::path& checkpoint, const TrainerState& state) {
  optimizer_.load_state(SafetensorsFile::open(checkpoint / "optimizer.safetensors"));
  num_tokens_ = state.stage.value("num_tokens", int64_t{0});
}

void SampleTrainer::train(TrainerState& state, const TrainingSurroundings& surroundings,
                          const std::function<void(const std::filesystem::path&)>& save_model) {
  state.max_steps = total_steps();
  state.micro_batch_size = options_.samples_a_pass();
  TrainingSteps steps;
  steps.step = [&](int64_t index) {
    StepReport report = step(index);
    state.stage["num_tokens"] = num_tokens_;
    return report;
  };
  if (evaluates()) steps.evaluate = [this] { return evaluate(); };
  steps.save = [&](const std::filesystem::path& folder) {
    save_model(folder);
    write_safetensors(folder / "optimizer.safetensors", optimizer_.state());
  };
  steps.epoch = [&](int64_t done) { return order_.epoch_at(done * batch_size()); };
  run_training_loop(state, {options_.logging_steps, options_.eval_steps, options_.save_steps}, steps,
                    surroundings);
}

}  // namespace rlhf
