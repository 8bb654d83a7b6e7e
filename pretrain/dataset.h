#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "train/supervised_sequence.h"

namespace rlhf {

struct PretrainDataset {
  std::vector<SupervisedSample> blocks;
  int64_t tokens = 0;
  int64_t bytes = 0;  ///< UTF-8 bytes of the documents, for bits per byte
};

/// Tokenises documents (with the special tokens of the tokenizer's post-processor, and the end-of-sequence
/// token) and lays them one after the other, in an order drawn from `seed`, into blocks of `block_size`
/// tokens. A block attends within each of its documents only; a document that crosses a border starts anew in
/// the next block. UserError when there is no token to learn.
PretrainDataset make_pretrain_blocks(const std::vector<std::string>& documents, const Tokenizer& tokenizer,
                                     int64_t block_size, uint64_t seed);

}  // namespace rlhf
