#include "ppo/networks.h"

#include "model/token_batch.h"

namespace rlhf {
namespace {

/// What a network reads to fill `slots` of each response: the prompt and all but the last of as many tokens
/// as there are slots.
struct SlotInputs {
  TokenBatch tokens;
  torch::Tensor rows;  ///< [M] int64 hidden row of each slot
};

SlotInputs slot_inputs(const TrajectoryView& trajectories, const Segments& slots, torch::Device device) {
  std::vector<std::vector<TokenId>> sequences;
  std::vector<int64_t> rows;
  int64_t begin = 0;
  for (size_t s = 0; s < trajectories.size(); ++s) {
    const Trajectory& t = *trajectories[s];
    const int64_t length = slots.length(static_cast<int64_t>(s));
    auto sequence = t.prompt_ids;
    sequence.insert(sequence.end(), t.response_ids.begin(), t.response_ids.begin() + (length - 1));
    for (int64_t slot = 0; slot < length; ++slot) {
      rows.push_back(begin + static_cast<int64_t>(t.prompt_ids.size()) - 1 + slot);
    }
    begin += static_cast<int64_t>(sequence.size());
    sequences.push_back(std::move(sequence));
  }
  return {TokenBatch::pack(sequences, device), torch::tensor(rows, torch::kInt64).to(device)};
}

torch::Tensor response_ids(const TrajectoryView& trajectories, torch::Device device) {
  std::vector<int64_t> ids;
  for (const Trajectory* t : trajectories) {
    ids.insert(ids.end(), t->response_ids.begin(), t->response_ids.end());
  }
  return torch::tensor(ids, torch::kInt64).to(device);
}

}  // namespace

Segments response_segments(const TrajectoryView& trajectories) {
  std::vector<int64_t> lengths;
  lengths.reserve(trajectories.size());
  for (const Trajectory* t : trajectories) {
    lengths.push_back(static_cast<int64_t>(t->response_ids.size()));
  }
  return Segments::of_lengths(lengths);
}

TokenLogprobs response_logprobs(const LanguageModel& model, const TrajectoryView& trajectories,
                                double temperature, bool statistics) {
  const auto device = model.decoder().device();
  const SlotInputs inputs = slot_inputs(trajectories, response_segments(trajectories), device);
  const auto hidden = model.decoder().forward_rows(inputs.tokens, inputs.rows);  // [N, H]
  return model.token_logprobs(hidden, response_ids(trajectories, device), {temperature, statistics});
}

torch::Tensor response_values(const ScalarModel& critic, const RewardNormalizer& normalizer,
                              const TrajectoryView& trajectories, const Segments& value_slots) {
  const SlotInputs inputs = slot_inputs(trajectories, value_slots, critic.decoder().device());
  const auto hidden = critic.decoder().forward_rows(inputs.tokens, inputs.rows);  // [M, H]
  return (critic.values(hidden) - normalizer.mean) / normalizer.std;
}

}  // namespace rlhf
