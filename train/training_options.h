#pragma once
#include <cstdint>
#include <string>

namespace rlhf {

/// What pretrain, sft and reward share; the names and most defaults are those of the Hugging Face trainers.
struct TrainingOptions {
  int64_t per_device_train_batch_size = 8;  ///< sequences (rankings for reward) of one forward pass a process
  int64_t per_device_eval_batch_size = 8;
  int64_t gradient_accumulation_steps = 1;
  int64_t micro_batch_size =
      0;  ///< what a forward pass holds where a batch does not fit in memory; 0: a batch
  bool gradient_checkpointing =
      false;  ///< layers are computed again in the backward pass: less memory, same bits
  double num_train_epochs = 3;
  int64_t max_steps = -1;  ///< optimizer steps; above 0 it overrides num_train_epochs
  double learning_rate = 5e-5;
  std::string lr_scheduler_type = "linear";
  double warmup_steps = 0;  ///< steps, or a share of all when below 1
  double min_lr_rate = 0;
  double weight_decay = 0;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  double adam_epsilon = 1e-8;
  double max_grad_norm = 1;
  double embedding_learning_rate_scale = 1;
  double dropout = 0;            ///< on the outputs of attention and MLP
  double embedding_dropout = 0;  ///< on elements of token embeddings
  double token_dropout = 0;      ///< on whole token embeddings
  int64_t logging_steps = 10;
  int64_t eval_steps = 0;  ///< 0 = at the end only
  int64_t save_steps = 500;
  int64_t save_total_limit = 2;
  uint64_t seed = 42;

  /// Samples of one forward pass, a process.
  int64_t samples_a_pass() const {
    return micro_batch_size > 0 ? micro_batch_size : per_device_train_batch_size;
  }
};

}  // namespace rlhf
