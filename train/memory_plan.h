#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "train/pass_memory.h"

namespace rlhf {

struct MemoryItem {
  std::string what;
  int64_t bytes = 0;
};
/// What belongs together: a model and its parts, or a moment of the run and what exists only then.
struct MemoryGroup {
  std::string name;
  std::vector<MemoryItem> items;
  int64_t bytes() const;
};

/// The memory of one process of a run: what it holds from the first step to the last, and the moments that
/// come one after another.
struct MemoryPlan {
  std::vector<MemoryGroup> held, moments;
  /// What is held and the largest moment.
  int64_t bytes() const;
  /// One line a group, in GB.
  std::string table() const;
};

/// "4.20 GB" of 10^9 bytes, "130 MB" below one.
std::string memory_text(int64_t bytes);

/// A model and how its passes compute.
struct PlannedModel {
  std::string name;
  ModelConfig config;
  PassOptions options;
  bool scalar_head = false;  ///< else a language model's
};

/// One micro-batch of training.
struct PlannedPass {
  int64_t tokens = 0;     ///< that go through the network at once, at most
  int64_t head_rows = 0;  ///< of them that the language model's head reads
};

/// Bytes of a trained model's parameters: float32, as are their gradients and each of AdamW's two moments.
int64_t master_weight_bytes(const PlannedModel& model);
/// Masters and moments.
MemoryGroup trained_model(const PlannedModel& model);

/// What training needs beside what is held: all gradients, and what the beginning of a backward pass finds.
/// The first come as the second goes, but not in the memory that it leaves: other sizes leave holes, and the
/// sum is what was measured (docs/performance.md).
enum class LossHead { kSummedLogprobs, kLogprobs, kScalar };
MemoryGroup training_moment(const std::string& name, const PlannedModel& model, LossHead head,
                            const PlannedPass& pass);

/// The program and its libraries, the tokenizer and what else is not counted.
MemoryGroup program_memory();

/// pretrain, sft and reward: one trained model. `eval_tokens` is the largest batch of evaluation; 0: none.
MemoryPlan plan_training(const PlannedModel& model, const PlannedPass& pass, int64_t eval_tokens);

/// Tokens of the largest batch that `count` of the samples can make; each may be drawn `times` at once.
int64_t most_tokens(std::vector<int64_t> sample_tokens, int64_t count, int64_t times = 1);

/// The largest micro-batch of at most `wanted` samples whose plan fits in `bytes`; 0 when not even one sample
/// does. A plan needs no less for more samples.
int64_t largest_micro_batch(int64_t wanted, int64_t bytes, const std::function<MemoryPlan(int64_t)>& plan_of);

}  // namespace rlhf
