#include "rollout/device_generation.h"

#include <algorithm>

#include "rollout/device_sampling.h"

namespace rlhf {
namespace {

// Between two looks of the host. More leaves it further behind, and wastes more behind a response's end.
constexpr int64_t kStepsBetweenLooks = 8;

/// A copy that the host does not wait for.
template <typename T>
torch::Tensor sent(const std::vector<T>& values, torch::Device device) {
  return torch::tensor(values, c10::CppTypeToScalarType<T>::value).to(device, /*non_blocking=*/true);
}

}  // namespace

DeviceGeneration::DeviceGeneration(const LanguageModel& model, const std::vector<GenerationRequest>& requests,
                                   const GeneratorOptions& options)
    : Generation(model, requests, options),
      drawn_(static_cast<size_t>(places()), 0),
      looked_at_(static_cast<size_t>(places()), 0) {
  const torch::Device device = model.decoder().device();
  const int64_t columns = options.sampling.max_new_tokens;
  uniforms_ = torch::empty({places(), columns}, torch::dtype(torch::kFloat64).device(device));
  tokens_ = torch::empty({places(), columns}, torch::dtype(torch::kInt64).device(device));
  logprobs_ = torch::empty({places(), columns}, torch::dtype(torch::kFloat32).device(device));
  last_ = torch::empty({places()}, torch::dtype(torch::kInt64).device(device));
  if (options.sampling.repetition_penalty != 1.0)
    seen_ = torch::empty({places(), model.decoder().config().vocab_size},
                         torch::dtype(torch::kBool).device(device));
}

void DeviceGeneration::begin(const Active& sequence, int64_t slot) {
  std::vector<double> uniforms;
  DrawKey key = sequence.key;
  for (key.position = 0; key.position < options().sampling.max_new_tokens; ++key.position)
    uniforms.push_back(uniform_draw(key));
  uniforms_[slot].copy_(sent(uniforms, uniforms_.device()));
  drawn_[static_cast<size_t>(slot)] = looked_at_[static_cast<size_t>(slot)] = 0;
  if (!seen_.defined()) return;
  const std::vector<int64_t> context(sequence.context.begin(), sequence.context.end());
  seen_[slot].zero_();
  seen_[slot].index_fill_(0, sent(context, seen_.device()), true);
}

void DeviceGeneration::take_tokens(const torch::Tensor& logits, int64_t first) {
  const int64_t count = logits.size(0);
  std::vector<int64_t> positions;
  for (int64_t slot = first; slot < first + count; ++slot)
    positions.push_back(drawn_[static_cast<size_t>(slot)]++);
  const torch::Tensor column = sent(positions, logits.device()).unsqueeze(1);  // [count, 1]
  const auto rows = [&](const torch::Tensor& all) { return all.narrow(0, first, count); };
  const DeviceSample sample =
      sample_on_device(logits, options().sampling, rows(uniforms_).gather(1, column).squeeze(1),
                       seen_.defined() ? rows(seen_) : torch::Tensor());
  rows(tokens_).scatter_(1, column, sample.token_ids.unsqueeze(1));
  rows(logprobs_).scatter_(1, column, sample.logprobs.unsqueeze(1));
  rows(last_).copy_(sample.token_ids);
  if (seen_.defined()) rows(seen_).scatter_(1, sample.token_ids.unsqueeze(1), true);
}

void DeviceGeneration::decode() {
  const auto count = static_cast<int64_t>(active().size());
  const int64_t most = *std::max_element(drawn_.begin(), drawn_.begin() + count);
  std::vector<int64_t> slots;
  for (int64_t slot = 0; slot < count; ++slot) slots.push_back(slot);
  const int64_t steps = std::min(kStepsBetweenLooks, options().sampling.max_new_tokens - most);
  for (int64_t step = 0; step < steps; ++step)
    take_tokens(model().logits(model().decoder().decode(last_.narrow(0, 0, count), cache(), slots)), 0);
  look();
}

// The only place where the host waits.
void DeviceGeneration::look() {
  const auto count = static_cast<int64_t>(active().size());
  const torch::Tensor tokens = tokens_.narrow(0, 0, count).cpu();
  std::vector<int64_t> length_of(active().size(), 0);  // of what is finished
  bool any = false;
  for (size_t i = 0; i < active().size(); ++i) {
    const auto* row = tokens.const_data_ptr<int64_t>() + static_cast<int64_t>(i) * tokens.size(1);
    for (int64_t& t = looked_at_[i]; t < drawn_[i] && length_of[i] == 0; ++t)
      if (is_end(static_cast<TokenId>(row[t]))) length_of[i] = t + 1;
    if (length_of[i] == 0 && drawn_[i] == options().sampling.max_new_tokens) length_of[i] = drawn_[i];
    any = any || length_of[i] > 0;
  }
  if (!any) return;
  const torch::Tensor logprobs = logprobs_.narrow(0, 0, count).cpu();
  for (size_t i = active().size(); i-- > 0;) {
    if (length_of[i] == 0) continue;
    const auto* ids = tokens.const_data_ptr<int64_t>() + static_cast<int64_t>(i) * tokens.size(1);
    const auto* of_ids = logprobs.const_data_ptr<float>() + static_cast<int64_t>(i) * logprobs.size(1);
    GeneratedResponse& response = response_of(active()[i]);
    response.token_ids.assign(ids, ids + length_of[i]);
    response.logprobs.assign(of_ids, of_ids + length_of[i]);
    response.finish_reason = is_end(response.token_ids.back()) ? FinishReason::kStop : FinishReason::kLength;
    retire(i);
  }
}

void DeviceGeneration::moved(int64_t from, int64_t to) {
  for (const torch::Tensor* rows : {&uniforms_, &tokens_, &logprobs_, &last_, &seen_})
    if (rows->defined()) (*rows)[to].copy_((*rows)[from]);
  drawn_[static_cast<size_t>(to)] = drawn_[static_cast<size_t>(from)];
  looked_at_[static_cast<size_t>(to)] = looked_at_[static_cast<size_t>(from)];
}

}  // namespace rlhf
