#include "ppo/experience.h"

#include <stdexcept>
#include <string>

namespace rlhf {
namespace {

void require_rows(const torch::Tensor& tensor, int64_t rows, const char* name) {
  if (!tensor.defined() || tensor.dim() != 1 || tensor.size(0) != rows) {
    throw std::invalid_argument(std::string("experience: ") + name + " must have " + std::to_string(rows) +
                                " rows");
  }
}

}  // namespace

void Experience::check() const {
  require_rows(logprobs, tokens.total(), "logprobs");
  require_rows(reference_logprobs, tokens.total(), "reference_logprobs");
  require_rows(values, value_slots.total(), "values");
  require_rows(scores, tokens.count(), "scores");
  require_rows(score_spreads, tokens.count(), "score_spreads");
  if (static_cast<int64_t>(finished.size()) != tokens.count() || value_slots.count() != tokens.count()) {
    throw std::invalid_argument("experience: one entry a sequence is needed");
  }
  for (int64_t s = 0; s < tokens.count(); ++s) {
    const int64_t extra = value_slots.length(s) - tokens.length(s);
    if (extra != 0 && extra != 1) {
      throw std::invalid_argument("experience: a sequence has its tokens' value slots and at most one more");
    }
  }
}

Segments value_slots_of(const Segments& tokens, const Convention& convention, int64_t longest) {
  if (!convention.score_after_last_token) {
    return tokens;
  }
  auto lengths = tokens.lengths();
  for (int64_t& length : lengths) {
    length += length < longest ? 1 : 0;
  }
  return Segments::of_lengths(lengths);
}

torch::Tensor slots_of_tokens(const Segments& tokens, const Segments& value_slots, torch::Device device) {
  std::vector<int64_t> slots;
  slots.reserve(static_cast<size_t>(tokens.total()));
  for (int64_t s = 0; s < tokens.count(); ++s) {
    for (int64_t t = 0; t < tokens.length(s); ++t) {
      slots.push_back(value_slots.begin(s) + t);
    }
  }
  return torch::tensor(slots, torch::kInt64).to(device);
}

}  // namespace rlhf
