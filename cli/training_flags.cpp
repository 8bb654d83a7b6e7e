#include "cli/training_flags.h"

#include <cmath>

#include <CLI/CLI.hpp>

#include "contract/error.h"
#include "train/learning_rate_schedule.h"

namespace rlhf {
namespace {

template <typename T>
void add(CLI::App& command, const std::string& flag, T& value, const std::string& help) {
  command.add_option(flag, value, help)->capture_default_str();
}

void require(bool good, const std::string& message) {
  if (!good) throw UserError(message);
}

constexpr double kMostEpochs = 1e6;

void require_not_negative(double value, const std::string& flag) {
  require(value >= 0 && std::isfinite(value), flag + " must be a finite number that is not negative");
}

}  // namespace

void add_training_flags(CLI::App& command, TrainingOptions& o) {
  add(command, "--per_device_train_batch_size", o.per_device_train_batch_size,
      "samples of one forward pass, a process");
  add(command, "--per_device_eval_batch_size", o.per_device_eval_batch_size, "the same for evaluation");
  add(command, "--gradient_accumulation_steps", o.gradient_accumulation_steps,
      "forward passes an optimizer step");
  command.add_flag(
      "--gradient_checkpointing", o.gradient_checkpointing,
      "compute layers again in the backward pass instead of keeping what they gave: less memory, a "
      "third more work, the same numbers");
  add(command, "--num_train_epochs", o.num_train_epochs, "passes over the data");
  add(command, "--max_steps", o.max_steps, "optimizer steps; above 0 it overrides --num_train_epochs");
  add(command, "--learning_rate", o.learning_rate, "peak rate of AdamW");
  add(command, "--lr_scheduler_type", o.lr_scheduler_type,
      "linear, cosine, cosine_with_min_lr, constant or constant_with_warmup");
  add(command, "--warmup_steps,--warmup_ratio", o.warmup_steps, "steps of warm-up; below 1 a share of all");
  add(command, "--min_lr_rate", o.min_lr_rate, "where linear and cosine end, as a share of the peak");
  add(command, "--weight_decay", o.weight_decay, "on matrices, not on norms and biases");
  add(command, "--adam_beta1", o.adam_beta1, "");
  add(command, "--adam_beta2", o.adam_beta2, "");
  add(command, "--adam_epsilon", o.adam_epsilon, "");
  add(command, "--max_grad_norm", o.max_grad_norm, "clips the norm of the gradient; 0 = off");
  add(command, "--embedding_learning_rate_scale", o.embedding_learning_rate_scale,
      "multiplies the rate of the token embedding");
  add(command, "--dropout", o.dropout, "on the outputs of attention and MLP");
  add(command, "--embedding_dropout", o.embedding_dropout, "on elements of token embeddings");
  add(command, "--token_dropout", o.token_dropout, "on whole token embeddings");
  add(command, "--logging_steps", o.logging_steps, "steps between logged rows");
  add(command, "--eval_steps", o.eval_steps, "steps between evaluations; 0 = at the end only");
  add(command, "--save_steps", o.save_steps, "steps between checkpoints; 0 = at the end only");
  add(command, "--save_total_limit", o.save_total_limit, "checkpoints kept; 0 = all");
  add(command, "--seed", o.seed, "of data order, fresh weights and dropout");
}

void check_training_flags(const TrainingOptions& o) {
  require(o.per_device_train_batch_size > 0, "--per_device_train_batch_size must be at least 1");
  require(o.per_device_eval_batch_size > 0, "--per_device_eval_batch_size must be at least 1");
  require(o.gradient_accumulation_steps > 0, "--gradient_accumulation_steps must be at least 1");
  require(o.max_steps > 0 || o.num_train_epochs > 0,
          "--num_train_epochs must be above 0 when --max_steps is not");
  require(o.num_train_epochs <= kMostEpochs, "--num_train_epochs is too large");
  require_not_negative(o.learning_rate, "--learning_rate");
  require_not_negative(o.warmup_steps, "--warmup_steps");
  require_not_negative(o.weight_decay, "--weight_decay");
  require_not_negative(o.max_grad_norm, "--max_grad_norm");
  require_not_negative(o.embedding_learning_rate_scale, "--embedding_learning_rate_scale");
  require(o.min_lr_rate >= 0 && o.min_lr_rate <= 1, "--min_lr_rate must lie in [0, 1]");
  require(o.adam_beta1 >= 0 && o.adam_beta1 < 1, "--adam_beta1 must lie in [0, 1)");
  require(o.adam_beta2 >= 0 && o.adam_beta2 < 1, "--adam_beta2 must lie in [0, 1)");
  require(o.adam_epsilon > 0, "--adam_epsilon must be above 0");
  require(o.logging_steps > 0, "--logging_steps must be at least 1");
  require(o.eval_steps >= 0, "--eval_steps must not be negative");
  require(o.save_steps >= 0, "--save_steps must not be negative");
  require(o.save_total_limit >= 0, "--save_total_limit must not be negative; 0 keeps all");
  LearningRateSchedule{.type = o.lr_scheduler_type, .total_steps = 1}.rate(0);  // throws for an unknown type
  for (const double rate : {o.dropout, o.embedding_dropout, o.token_dropout})
    require(rate >= 0 && rate < 1, "dropout rates must lie in [0, 1)");
}

}  // namespace rlhf
