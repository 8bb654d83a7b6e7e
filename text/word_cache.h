#pragma once
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// The tokens of words seen lately: a table of fixed size in which a new word takes the place of whatever
/// stood there. Natural text repeats its words, so most are looked up instead of merged. Not for more than
/// one thread at a time.
class WordCache {
 public:
  static constexpr size_t kMaxBytes = 22, kMaxTokens = 10;

  WordCache() : entries_(kSlots) {}

  static bool fits(std::string_view word) { return word.size() <= kMaxBytes; }

  /// The tokens of a word that fits; empty when it is not here.
  std::span<const TokenId> find(std::string_view word) const {
    const Entry wanted = key_of(word);
    const Entry& entry = entries_[slot_of(wanted)];
    if (std::memcmp(entry.key, wanted.key, sizeof entry.key) != 0) return {};
    return {entry.ids, entry.count()};
  }

  /// Keeps the tokens of a word that fits, unless there are too many.
  void put(std::string_view word, std::span<const TokenId> ids) {
    if (ids.size() > kMaxTokens) return;
    Entry entry = key_of(word);
    std::copy(ids.begin(), ids.end(), entry.ids);
    entry.tokens = static_cast<uint8_t>(ids.size());
    entries_[slot_of(entry)] = entry;
  }

 private:
  static constexpr size_t kSlots = 1 << 14;

  /// One cache line. An entry never filled has length 0, which no word has.
  struct alignas(64) Entry {
    unsigned char key[kMaxBytes + 1] = {};  ///< the bytes padded with zeros, then their number
    uint8_t tokens = 0;
    TokenId ids[kMaxTokens] = {};
    size_t count() const { return tokens; }
  };

  static Entry key_of(std::string_view word) {
    Entry entry;
    std::memcpy(entry.key, word.data(), word.size());
    entry.key[kMaxBytes] = static_cast<unsigned char>(word.size());
    return entry;
  }

  static size_t slot_of(const Entry& entry) {
    uint64_t parts[3] = {};
    std::memcpy(parts, entry.key, sizeof entry.key);
    uint64_t hash = 0;
    for (const uint64_t part : parts) {
      hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
      hash ^= hash >> 32;
    }
    return hash % kSlots;
  }

  std::vector<Entry> entries_;
};

}  // namespace rlhf
