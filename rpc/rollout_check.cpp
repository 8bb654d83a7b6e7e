#include "rpc/rollout_check.h"

#include <algorithm>
#include <cmath>

#include "contract/error.h"

namespace rlhf {
namespace {

/// Rounding may lift the logarithm of a probability of 1 a little above 0.
constexpr float kLargestLogprob = 1e-3f;
constexpr int32_t kMostThreads = 4096;
constexpr int32_t kMostSamples = 1 << 20;
constexpr std::size_t kMostRewardModels = 256;

bool is_hash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool are_ids(const std::vector<TokenId>& ids) {
  return !ids.empty() && std::all_of(ids.begin(), ids.end(), [](TokenId id) { return id >= 0; });
}

bool is_sound(const SamplingOptions& sampling) {
  return sampling.temperature >= 0 && std::isfinite(sampling.temperature) && sampling.top_k >= 0 &&
         sampling.top_p > 0 && sampling.top_p <= 1 && sampling.min_p >= 0 && sampling.min_p <= 1 &&
         sampling.repetition_penalty > 0 && std::isfinite(sampling.repetition_penalty) &&
         sampling.max_new_tokens >= 1;
}

/// What is wrong with one sample; empty when nothing is.
std::string fault_of(const Trajectory& sample, const RolloutUnit& unit, int64_t vocab_size) {
  if (!are_ids(sample.response_ids)) return "its response is empty or has a negative id";
  if (const TokenId most = *std::max_element(sample.response_ids.begin(), sample.response_ids.end());
      most >= vocab_size)
    return "its response has id " + std::to_string(most) + ", outside the vocabulary of " +
           std::to_string(vocab_size);
  if (sample.response_ids.size() > static_cast<std::size_t>(unit.sampling.max_new_tokens))
    return "its response has " + std::to_string(sample.response_ids.size()) + " ids, more than " +
           std::to_string(unit.sampling.max_new_tokens);
  if (sample.logprobs.size() != sample.response_ids.size())
    return "it has " + std::to_string(sample.logprobs.size()) + " log-probabilities for " +
           std::to_string(sample.response_ids.size()) + " ids";
  for (const float logprob : sample.logprobs)
    if (!std::isfinite(logprob) || logprob > kLargestLogprob)
      return std::to_string(logprob) + " is not a log-probability";
  if (!std::isfinite(sample.raw_score) || !std::isfinite(sample.score) || !std::isfinite(sample.score_spread))
    return "its score is not finite";
  if (sample.score_spread < 0) return "its spread is negative";
  return {};
}

}  // namespace

std::string unit_name(const RolloutUnit& unit) {
  return "unit " + std::to_string(unit.unit_index) + " of iteration " + std::to_string(unit.iteration);
}

void check_unit(const RolloutUnit& unit) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds) throw UserError(unit_name(unit) + " is malformed: " + what);
  };
  require(unit.iteration >= 0 && unit.unit_index >= 0 && unit.first_prompt_slot >= 0, "a negative number");
  require(!unit.prompts.empty(), "it has no prompts");
  require(std::all_of(unit.prompts.begin(), unit.prompts.end(),
                      [](const TokenizedPrompt& prompt) { return are_ids(prompt.token_ids); }),
          "a prompt is empty or has a negative id");
  require(unit.samples_per_prompt >= 1 && unit.samples_per_prompt <= kMostSamples,
          "samples_per_prompt out of range");
  require(is_sound(unit.sampling), "sampling settings out of range");
  require(unit.generation_threads >= 1 && unit.generation_threads <= kMostThreads,
          "generation_threads out of range");
  require(!unit.dtype.empty(), "no dtype");
  require(unit.policy_version >= 1 && is_hash(unit.policy_hash), "it names no policy version and hash");
  require(unit.reward_models.size() <= kMostRewardModels, "too many reward models");
  require(
      std::all_of(unit.reward_models.begin(), unit.reward_models.end(),
                  [](const ServedRewardModel& model) { return !model.name.empty() && is_hash(model.hash); }),
      "it names a reward model without its name or its hash");
}

std::vector<Trajectory> complete_samples(const RolloutUnit& unit, std::vector<Trajectory> samples,
                                         int64_t vocab_size) {
  const auto per_prompt = static_cast<std::size_t>(unit.samples_per_prompt);
  if (samples.size() != unit.prompts.size() * per_prompt)
    throw UserError(unit_name(unit) + " wants " + std::to_string(unit.prompts.size() * per_prompt) +
                    " samples, not " + std::to_string(samples.size()));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    Trajectory& sample = samples[i];
    const auto slot = unit.first_prompt_slot + static_cast<int32_t>(i / per_prompt);
    const auto index = static_cast<int32_t>(i % per_prompt);
    const std::string where =
        unit_name(unit) + ", slot " + std::to_string(slot) + ", sample " + std::to_string(index);
    if (sample.prompt_slot != slot || sample.sample_index != index)
      throw UserError(where + ": the sample there says slot " + std::to_string(sample.prompt_slot) +
                      ", sample " + std::to_string(sample.sample_index));
    if (const std::string fault = fault_of(sample, unit, vocab_size); !fault.empty())
      throw UserError(where + ": " + fault);
    const TokenizedPrompt& prompt = unit.prompts[i / per_prompt];
    sample.iteration = unit.iteration;
    sample.prompt_index = prompt.index;
    sample.prompt_ids = prompt.token_ids;
    sample.policy_version = unit.policy_version;
    sample.policy_hash = unit.policy_hash;
  }
  return samples;
}

}  // namespace rlhf
