#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contract/token.h"
#include "text/tokenizer_definition.h"

namespace rlhf {

/// A token and the bytes of the word it covers. Bytes without a token, when dropped, are covered by none or
/// by the token that was merged across them.
struct WordToken {
  TokenId id;
  uint32_t begin, end;
};

/// The merges of a byte-level BPE. Immutable; threads may share it.
/// Source: Sennrich et al., Neural Machine Translation of Rare Words with Subword Units (arXiv 1508.07909),
/// over bytes as in Radford et al., Language Models are Unsupervised Multitask Learners.
class Bpe {
 public:
  explicit Bpe(const TokenizerDefinition& definition);
  Bpe(const Bpe&) = delete;  // words_ points into bytes_
  Bpe& operator=(const Bpe&) = delete;

  /// Appends the tokens of one word (a pre-token, raw bytes). Returns how many bytes were dropped for want of
  /// one.
  size_t encode(std::string_view word, std::vector<WordToken>& out) const;

  /// Whether every byte of `word` has a token, so that the tokens' own lengths tell what each covers.
  bool covers(std::string_view word) const;

 private:
  struct Merge {
    int32_t rank;
    TokenId result;
  };
  /// Open addressing over (left << 32 | right): the inner loop of encoding is this look-up.
  class MergeTable {
   public:
    void reserve(size_t merges);
    void insert(TokenId left, TokenId right, Merge merge);
    const Merge* find(TokenId left, TokenId right) const;

   private:
    struct Slot {
      uint64_t key;
      Merge merge;
    };
    size_t slot_of(uint64_t key) const;
    std::vector<Slot> slots_;
    int shift_ = 0;
  };
  size_t start(std::string_view word, std::vector<WordToken>& symbols) const;
  void merge_short(std::vector<WordToken>& symbols) const;
  void merge_long(std::vector<WordToken>& symbols) const;

  std::array<TokenId, 256> byte_ids_;  ///< kNoToken where a byte has no token
  MergeTable merges_;
  bool ignore_merges_, fuse_unk_;
  TokenId unk_id_;
  std::vector<std::string> bytes_;                       ///< of the tokens that words_ holds
  std::unordered_map<std::string_view, TokenId> words_;  ///< filled only when merges may be ignored
};

}  // namespace rlhf
