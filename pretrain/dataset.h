#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "train/supervised_sequence.h"

namespace rlhf {

struct PretrainBlocks {
  int64_t block_size = 1024;  ///< tokens
  int64_t context = 1024;     ///< positions of the model: no piece of a document is longer
  uint64_t seed = 42;         ///< of the order of documents
};

struct PretrainDataset {
  std::vector<SupervisedSample> blocks;
  int64_t tokens = 0;
  int64_t bytes = 0;  ///< UTF-8 bytes of the text that supervised tokens cover, for bits per byte
};

/// Tokenises documents (with the special tokens of the tokenizer's post-processor, and the end-of-sequence
/// token) and lays them one after the other, in an order drawn from the seed, into blocks. A block attends
/// within each of its documents only; a document that crosses a border, or is longer than the context, starts
/// anew there. UserError when there is no token to learn.
PretrainDataset make_pretrain_blocks(const std::vector<std::string>& documents, const Tokenizer& tokenizer,
                                     const PretrainBlocks& blocks);

}  // namespace rlhf
