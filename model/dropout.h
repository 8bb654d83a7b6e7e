#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace rlhf {

/// Dropout of one training pass. Masks are drawn for each sequence by its own key, so that neither
/// micro-batch size nor worker count changes them, and a resumed run draws the same.
struct Dropout {
  double hidden = 0;     ///< on the output of attention and of the MLP, before the residual sum
  double embedding = 0;  ///< on elements of the token embedding
  double token = 0;      ///< on whole token embeddings
  std::vector<uint64_t> sequence_keys;  ///< S keys, one a sequence; needed when any rate is above 0

  bool active() const { return hidden > 0 || embedding > 0 || token > 0; }
};

/// Zeroes elements of x [N, W] with probability `rate` and scales the rest by 1 / (1 - rate). Element (t, w)
/// of sequence s is drawn by a hash of (keys[s], stream, t, w) alone: the same bits on any device, in any
/// batch.
torch::Tensor keyed_dropout(const torch::Tensor& x, double rate, const std::vector<uint64_t>& keys,
                            const std::vector<int64_t>& offsets, uint64_t stream);

/// The same for whole rows.
torch::Tensor keyed_row_dropout(const torch::Tensor& x, double rate, const std::vector<uint64_t>& keys,
                                const std::vector<int64_t>& offsets, uint64_t stream);

}  // namespace rlhf
