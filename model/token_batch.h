#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "contract/token.h"

namespace rlhf {

/// S sequences laid end to end: N tokens in all and no padding. A sequence attends to itself alone, so a
/// packed batch computes what its sequences would compute one by one. Masks come from the borders, never from
/// token ids.
struct TokenBatch {
  torch::Tensor token_ids;       ///< [N] int64
  torch::Tensor positions;       ///< [N] int64, from 0 in every sequence
  std::vector<int64_t> offsets;  ///< S + 1 borders: sequence s is [offsets[s], offsets[s + 1])

  /// Empty sequences are refused with std::invalid_argument.
  static TokenBatch pack(const std::vector<std::vector<TokenId>>& sequences,
                         torch::Device device = torch::kCPU);

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t tokens() const { return offsets.back(); }
  int64_t length(int64_t s) const {
    return offsets[static_cast<size_t>(s) + 1] - offsets[static_cast<size_t>(s)];
  }
  /// [S] int64: index in [0, N) of the last token of each sequence.
  torch::Tensor last_token_rows() const;
};

}  // namespace rlhf
