#include "pretrain/dataset.h"

#include <algorithm>

#include <torch/utils.h>

#include "contract/error.h"
#include "train/sample_order.h"

namespace rlhf {
namespace {

std::vector<std::vector<TokenId>> tokenise(const std::vector<std::string>& documents,
                                           const Tokenizer& tokenizer) {
  std::vector<std::vector<TokenId>> encoded = tokenizer.encode_batch(documents, {}, torch::get_num_threads());
  for (std::vector<TokenId>& ids : encoded)
    if (tokenizer.eos_id()) ids.push_back(*tokenizer.eos_id());
  return encoded;
}

/// Where the text of a document ends and what the tokenizer and tokenise() put behind it begins.
size_t text_end(const Tokenizer& tokenizer, const std::vector<TokenId>& document) {
  return document.size() - tokenizer.suffix_ids().size() - (tokenizer.eos_id() ? 1 : 0);
}

/// Bytes of text that tokens [begin, end) of a document cover.
int64_t covered_bytes(const Tokenizer& tokenizer, const std::vector<TokenId>& document, size_t begin,
                      size_t end) {
  int64_t bytes = 0;
  for (size_t i = begin; i < std::min(end, text_end(tokenizer, document)); ++i)
    bytes += static_cast<int64_t>(tokenizer.token_bytes(document[i]).size());
  return bytes;
}

}  // namespace

PretrainDataset make_pretrain_blocks(const std::vector<std::string>& documents, const Tokenizer& tokenizer,
                                     const PretrainBlocks& blocks) {
  constexpr int64_t kPackingEpoch = -1;  // apart from the epochs of training
  const std::vector<std::vector<TokenId>> encoded = tokenise(documents, tokenizer);
  PretrainDataset dataset;
  int64_t room = 0;
  for (const int64_t index : epoch_order(blocks.seed, kPackingEpoch, static_cast<int64_t>(encoded.size()))) {
    const std::vector<TokenId>& ids = encoded[static_cast<size_t>(index)];
    for (size_t begin = 0; begin < ids.size();) {
      // A piece of one token predicts nothing: it is not worth the last place of a block.
      if (room < 2) {
        dataset.blocks.emplace_back();
        room = blocks.block_size;
      }
      const size_t count = std::min(ids.size() - begin, static_cast<size_t>(std::min(room, blocks.context)));
      SupervisedSequence piece;
      piece.token_ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                             ids.begin() + static_cast<std::ptrdiff_t>(begin + count));
      piece.supervised.assign(count, 1);
      piece.supervised[0] = 0;
      dataset.bytes += covered_bytes(tokenizer, ids, begin + 1, begin + count);
      dataset.blocks.back().push_back(std::move(piece));
      room -= static_cast<int64_t>(count);
      dataset.tokens += static_cast<int64_t>(count);
      begin += count;
    }
  }
  std::erase_if(dataset.blocks, [](const SupervisedSample& block) { return supervised_tokens(block) == 0; });
  if (dataset.blocks.empty())
    throw UserError("the text has no two tokens in a row: there is nothing to learn from it");
  return dataset;
}

}  // namespace rlhf
