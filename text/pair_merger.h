#pragma once
#include <cstdint>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// The words of a corpus while BPE is learned: which pairs of tokens stand next to each other, how often and
/// where. Counts are kept up to date merge by merge, only in the words that a merge changes.
class PairMerger {
 public:
  using Pair = std::pair<TokenId, TokenId>;

  /// A word as its first tokens, seen `count` times.
  void add_word(const std::vector<TokenId>& tokens, int64_t count);
  /// Makes the words' pairs candidates; call once after the last word.
  void count_pairs();

  struct Candidate {
    int64_t count;
    Pair pair;
    size_t places;  ///< index into places_
    /// Most frequent first, then the smallest pair.
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  /// Takes the best candidate off the queue; its count is below 1 when there is none.
  Candidate pop();
  /// Puts `merged` in the place of the candidate's pair, in the words where the candidate saw it.
  void merge(const Candidate& candidate, TokenId merged);

 private:
  struct Word {
    uint32_t begin, length;  ///< in symbols_
    int64_t count;
  };
  struct PairState {
    int64_t count = 0;
    std::vector<uint32_t> new_words;  ///< where it has come up since the last candidate of it was queued
  };
  struct PairHash {
    size_t operator()(const Pair& pair) const {
      const auto key =
          static_cast<uint64_t>(static_cast<uint32_t>(pair.first)) << 32 | static_cast<uint32_t>(pair.second);
      return static_cast<size_t>((key ^ key >> 29) * 0x9E3779B97F4A7C15u >> 7);
    }
  };
  void merge_word(uint32_t word, const Pair& pair, TokenId merged);
  void adjust(const Pair& pair, int64_t change, uint32_t word);
  void queue_new();

  std::vector<TokenId> symbols_;
  std::vector<Word> words_;
  std::unordered_map<Pair, PairState, PairHash> pairs_;
  std::vector<Pair> touched_;  ///< pairs with new_words
  std::priority_queue<Candidate> queue_;
  std::vector<std::vector<uint32_t>> places_;
};

}  // namespace rlhf
