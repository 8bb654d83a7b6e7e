#include "ppo/memory.h"

#include <algorithm>

#include "rollout/generator.h"

namespace rlhf {
namespace {

int64_t sum_of_weights(const std::vector<ModelConfig>& models, torch::ScalarType dtype) {
  int64_t bytes = 0;
  for (const ModelConfig& config : models) bytes += frozen_weight_bytes(config, dtype);
  return bytes;
}

/// Generation of one unit; `samples` of each of its prompts.
MemoryGroup generation_moment(const std::string& name, const PpoShape& shape, const PpoOptions& options,
                              std::vector<int64_t> prompt_tokens, int64_t samples) {
  const int64_t prompts = std::min(options.rollout_unit_size, static_cast<int64_t>(prompt_tokens.size()));
  const int64_t most = GeneratorOptions().max_batch_size, slots = std::min(prompts * samples, most);
  const int64_t spare = samples > 1 && prompts * samples > most ? 1 : 0;  // a prompt's, whose samples wait
  const int64_t longest = most_tokens(prompt_tokens, 1), together = most_tokens(prompt_tokens, prompts);
  const int64_t logits = slots * shape.policy.vocab_size * static_cast<int64_t>(sizeof(float));
  const int64_t scored = samples * (together + prompts * options.response_length);
  // The policy as it generates: frozen, and laid out for decoding.
  const int64_t frozen = frozen_weight_bytes(shape.policy, shape.pass.compute);
  return {name,
          {{"frozen policy", frozen},
           {"packed weights", frozen},
           {"KV cache", kv_cache_bytes(shape.policy, shape.pass.compute, slots + spare,
                                       longest + options.response_length)},
           {"logits", 2 * logits},
           {"activations", std::max(inference_bytes(shape.policy, shape.pass, together),
                                    inference_bytes(shape.reward.front(), shape.pass, scored))}}};
}

}  // namespace

MemoryPlan plan_ppo(const PpoShape& shape, const PpoOptions& options, int64_t world_size,
                    int64_t micro_batch_size) {
  const PlannedModel policy{"policy", shape.policy, shape.pass},
      critic{"critic", shape.critic, shape.pass, true};
  const torch::ScalarType dtype = shape.pass.compute;
  const int64_t minibatch = options.responses() / options.num_mini_batches / world_size;
  const int64_t responses = std::max<int64_t>(1, std::min(micro_batch_size, minibatch));
  PlannedPass pass;
  pass.tokens = most_tokens(shape.prompt_tokens, responses, options.samples_per_prompt) +
                responses * options.response_length;
  pass.head_rows = responses * options.response_length;

  MemoryPlan plan;
  plan.held = {trained_model(policy),
               trained_model(critic),
               {"reference", {{"weights", frozen_weight_bytes(shape.reference, dtype)}}},
               {"reward model", {{"weights", sum_of_weights(shape.reward, dtype)}}}};
  if (!shape.gold.empty())
    plan.held.push_back({"gold reward model", {{"weights", sum_of_weights(shape.gold, dtype)}}});
  if (shape.serves)
    plan.held.push_back({"files for workers",
                         {{"policy", (options.max_staleness + 2) * master_weight_bytes(policy)},
                          {"reward model", sum_of_weights(shape.reward, torch::kFloat32)}}});
  plan.held.push_back(program_memory());
  plan.held.back().items.push_back(
      {"workspace", workspace_bytes(shape.policy, shape.pass, pass.tokens, pass.head_rows)});

  if (shape.generates)
    plan.moments.push_back(
        generation_moment("generation", shape, options, shape.prompt_tokens, options.samples_per_prompt));
  if (!shape.eval_prompt_tokens.empty())
    plan.moments.push_back(generation_moment("evaluation", shape, options, shape.eval_prompt_tokens, 1));
  // Both have gradients when the critic's turn is over; activations are there for one of them at a time.
  const MemoryGroup of_policy = training_moment("update", policy, LossHead::kLogprobs, pass),
                    of_critic = training_moment("update", critic, LossHead::kScalar, pass);
  MemoryGroup update = of_policy;
  update.items[0].bytes += of_critic.items[0].bytes;
  for (std::size_t i = 1; i < update.items.size(); ++i)
    update.items[i].bytes = std::max(of_policy.items[i].bytes, of_critic.items[i].bytes);
  plan.moments.push_back(update);
  return plan;
}

}  // namespace rlhf
