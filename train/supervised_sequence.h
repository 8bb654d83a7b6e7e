#pragma once
#include <cstdint>
#include <vector>

#include <torch/types.h>

#include "contract/token.h"
#include "model/token_batch.h"

namespace rlhf {

/// Token ids and which of them are in the loss. Token 0 has nothing before it and is never supervised.
struct SupervisedSequence {
  std::vector<TokenId> token_ids;
  std::vector<uint8_t> supervised;  ///< same length; 1: the token's log-probability is in the loss

  int64_t supervised_tokens() const;
};

/// What is drawn and batched as one: one sequence, or several packed to a length, each attending to itself
/// alone.
using SupervisedSample = std::vector<SupervisedSequence>;

int64_t supervised_tokens(const SupervisedSample& sample);

/// A packed batch with the places where the loss is: hidden row `rows[i]` predicts `targets[i]`.
struct SupervisedBatch {
  TokenBatch tokens;
  torch::Tensor rows;     ///< [M] int64 rows of the hidden states
  torch::Tensor targets;  ///< [M] int64 ids
};

/// Empty when no sample is given: then tokens.offsets is {0}.
SupervisedBatch make_supervised_batch(const std::vector<const SupervisedSample*>& samples,
                                      torch::Device device);

/// Packs sequences into samples of at most `max_tokens` by first fit on decreasing length; a longer one
/// stands alone. The order of the samples depends on the input alone.
std::vector<SupervisedSample> pack_sequences(std::vector<SupervisedSequence> sequences, int64_t max_tokens);

}  // namespace rlhf
