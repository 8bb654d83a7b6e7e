#include "train/segments.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace rlhf {

Segments Segments::of_lengths(const std::vector<int64_t>& lengths) {
  Segments segments;
  segments.offsets_.reserve(lengths.size() + 1);
  for (int64_t length : lengths) {
    if (length < 1) {
      throw std::invalid_argument("a segment of length " + std::to_string(length));
    }
    segments.offsets_.push_back(segments.total() + length);
  }
  return segments;
}

int64_t Segments::longest() const {
  int64_t longest = 0;
  for (int64_t s = 0; s < count(); ++s) {
    longest = std::max(longest, length(s));
  }
  return longest;
}

std::vector<int64_t> Segments::lengths() const {
  std::vector<int64_t> lengths;
  lengths.reserve(offsets_.size());
  for (int64_t s = 0; s < count(); ++s) {
    lengths.push_back(length(s));
  }
  return lengths;
}

torch::Tensor Segments::last_rows(torch::Device device) const {
  std::vector<int64_t> rows;
  rows.reserve(offsets_.size());
  for (int64_t s = 0; s < count(); ++s) {
    rows.push_back(end(s) - 1);
  }
  return torch::tensor(rows, torch::kInt64).to(device);
}

torch::Tensor Segments::rows(const std::vector<int64_t>& chosen, torch::Device device) const {
  std::vector<int64_t> rows;
  for (int64_t s : chosen) {
    for (int64_t row = begin(s); row < end(s); ++row) {
      rows.push_back(row);
    }
  }
  return torch::tensor(rows, torch::kInt64).to(device);
}

Segments Segments::select(const std::vector<int64_t>& chosen) const {
  std::vector<int64_t> lengths;
  lengths.reserve(chosen.size());
  for (int64_t s : chosen) {
    lengths.push_back(length(s));
  }
  return of_lengths(lengths);
}

torch::Tensor Segments::sums(const torch::Tensor& packed) const {
  TORCH_CHECK(packed.dim() == 1 && packed.size(0) == total(), "expected [", total(), "], got ",
              packed.sizes());
  const auto lengths_tensor = torch::tensor(lengths(), torch::kInt64).to(packed.device());
  return torch::segment_reduce(packed, "sum", lengths_tensor, {}, {}, 0, /*unsafe=*/true);
}

torch::Tensor Segments::means(const torch::Tensor& packed) const {
  return sums(packed) / torch::tensor(lengths(), torch::kInt64).to(packed.device());
}

}  // namespace rlhf
