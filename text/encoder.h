#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/word_cache.h"

namespace rlhf {

/// The way from text to ids: added tokens are cut out, the rest is normalized, cut into words, and merged.
/// Threads may share it.
class Encoder {
 public:
  explicit Encoder(const TokenizerDefinition& definition);

  /// `with_spans` fills Encoding::spans. Throws UserError when `text` is not valid UTF-8.
  Encoding encode(std::string_view text, EncodeOptions options, bool with_spans) const;
  uint64_t dropped_bytes() const { return dropped_bytes_; }

 private:
  class Run;
  std::unique_ptr<WordCache> borrow_cache() const;
  void give_back(std::unique_ptr<WordCache> cache) const;

  bool nfc_;
  std::vector<TokenId> prefix_ids_, suffix_ids_;
  AddedTokenMatcher raw_tokens_, normalized_tokens_;
  PreTokenizer pre_tokenizer_;
  Bpe bpe_;
  std::vector<uint32_t> token_lengths_;  ///< bytes of each token of the vocabulary, by id
  mutable std::atomic<uint64_t> dropped_bytes_ = 0;
  mutable std::mutex caches_mutex_;
  mutable std::vector<std::unique_ptr<WordCache>>
      caches_;  ///< those not in use; grows to the number of threads
};

}  // namespace rlhf
