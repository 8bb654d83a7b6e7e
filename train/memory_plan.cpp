#include "train/memory_plan.h"

#include <algorithm>
#include <cstdio>

namespace rlhf {
namespace {

constexpr int64_t kProgramBytes = 200'000'000;  // of which libraries are most
constexpr int64_t kMasterBytes = 4;

int64_t token_embedding_bytes(const ModelConfig& config) {
  return kMasterBytes * config.vocab_size * config.hidden_size;
}

int64_t largest(const std::vector<MemoryGroup>& groups) {
  int64_t most = 0;
  for (const MemoryGroup& group : groups) most = std::max(most, group.bytes());
  return most;
}

int64_t head_bytes(const PlannedModel& model, LossHead head, int64_t rows) {
  if (head == LossHead::kScalar) return 0;
  const HeadMemory memory = head_memory(model.config, model.options, rows);
  return head == LossHead::kSummedLogprobs ? memory.summed : memory.backward;
}

}  // namespace

int64_t MemoryGroup::bytes() const {
  int64_t sum = 0;
  for (const MemoryItem& item : items) sum += item.bytes;
  return sum;
}

int64_t MemoryPlan::bytes() const {
  int64_t sum = largest(moments);
  for (const MemoryGroup& group : held) sum += group.bytes();
  return sum;
}

std::string memory_text(int64_t bytes) {
  char text[32];
  if (bytes >= 999'500'000)
    std::snprintf(text, sizeof text, "%.2f GB", static_cast<double>(bytes) / 1e9);
  else
    std::snprintf(text, sizeof text, "%.0f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

std::string MemoryPlan::table() const {
  std::string text;
  const auto add = [&](const MemoryGroup& group) {
    text += "  " + group.name + ": ";
    for (std::size_t i = 0; i < group.items.size(); ++i)
      text += (i ? ", " : "") + group.items[i].what + " " + memory_text(group.items[i].bytes);
    text += "\n";
  };
  for (const MemoryGroup& group : held) add(group);
  for (const MemoryGroup& moment : moments) add(moment);
  return text;
}

int64_t master_weight_bytes(const PlannedModel& model) {
  const ModelConfig& config = model.config;
  int64_t weights = config.parameter_count();
  if (model.scalar_head) {
    weights += config.hidden_size;
    if (!config.tie_word_embeddings) weights -= config.vocab_size * config.hidden_size;
  }
  return kMasterBytes * weights;
}

MemoryGroup trained_model(const PlannedModel& model) {
  const int64_t weights = master_weight_bytes(model);
  return {model.name, {{"weights", weights}, {"optimizer", 2 * weights}}};
}

MemoryGroup training_moment(const std::string& name, const PlannedModel& model, LossHead head,
                            const PlannedPass& pass) {
  // The token embedding's gradient is made whole before it is added to the head's or to earlier ones.
  const int64_t gradients = master_weight_bytes(model) + token_embedding_bytes(model.config);
  return {name,
          {{"gradients", gradients},
           {"activations", activation_bytes(model.config, model.options, pass.tokens)},
           {"logits and layer", std::max(head_bytes(model, head, pass.head_rows),
                                         backward_bytes(model.config, model.options, pass.tokens))}}};
}

MemoryGroup program_memory() {
  return {"program", {{"code and data", kProgramBytes}}};
}

MemoryPlan plan_training(const PlannedModel& model, const PlannedPass& pass, int64_t eval_tokens) {
  const LossHead head = model.scalar_head ? LossHead::kScalar : LossHead::kSummedLogprobs;
  MemoryPlan plan;
  plan.held = {trained_model(model), program_memory()};
  plan.held.front().items.push_back(
      {"workspace",
       workspace_bytes(model.config, model.options, std::max(pass.tokens, eval_tokens), pass.head_rows)});
  plan.moments.push_back(training_moment("training", model, head, pass));
  if (eval_tokens > 0) {
    const int64_t of_head =
        model.scalar_head ? 0 : head_memory(model.config, model.options, eval_tokens).inference;
    plan.moments.push_back(
        {"evaluation",
         {{"activations", std::max(inference_bytes(model.config, model.options, eval_tokens), of_head)}}});
  }
  return plan;
}

int64_t most_tokens(std::vector<int64_t> sample_tokens, int64_t count, int64_t times) {
  std::sort(sample_tokens.rbegin(), sample_tokens.rend());
  int64_t sum = 0;
  for (int64_t i = 0; i < count && !sample_tokens.empty(); ++i)
    sum += sample_tokens[static_cast<std::size_t>(i / times) % sample_tokens.size()];
  return sum;
}

int64_t largest_micro_batch(int64_t wanted, int64_t bytes,
                            const std::function<MemoryPlan(int64_t)>& plan_of) {
  const auto fits = [&](int64_t size) { return plan_of(size).bytes() <= bytes; };
  if (fits(wanted)) return wanted;
  int64_t fitting = 0, too_large = wanted;
  while (too_large - fitting > 1) {
    const int64_t middle = fitting + (too_large - fitting) / 2;
    (fits(middle) ? fitting : too_large) = middle;
  }
  return fitting;
}

}  // namespace rlhf
