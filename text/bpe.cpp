#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>

#include "text/byte_alphabet.h"

namespace rlhf {

namespace {

constexpr TokenId kNoToken = -1;
constexpr uint64_t kEmptySlot = std::numeric_limits<uint64_t>::max();  // no pair of ids has this key
constexpr size_t kShortWord = 48;  ///< symbols up to which scanning beats a heap

uint64_t key_of(TokenId left, TokenId right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

}  // namespace

void Bpe::MergeTable::reserve(size_t merges) {
  const size_t slots = std::bit_ceil(std::max<size_t>(merges * 2, 16));
  slots_.assign(slots, Slot{kEmptySlot, {}});
  shift_ = 64 - std::countr_zero(slots);
}

size_t Bpe::MergeTable::slot_of(uint64_t key) const {
  size_t slot = static_cast<size_t>(key * 0x9E3779B97F4A7C15u >> shift_);  // Fibonacci hashing
  while (slots_[slot].key != key && slots_[slot].key != kEmptySlot) slot = (slot + 1) & (slots_.size() - 1);
  return slot;
}

void Bpe::MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const uint64_t key = key_of(left, right);
  slots_[slot_of(key)] = {key, merge};
}

const Bpe::Merge* Bpe::MergeTable::find(TokenId left, TokenId right) const {
  const Slot& slot = slots_[slot_of(key_of(left, right))];
  return slot.key == kEmptySlot ? nullptr : &slot.merge;
}

Bpe::Bpe(const TokenizerDefinition& definition)
    : ignore_merges_(definition.ignore_merges), fuse_unk_(definition.fuse_unk), unk_id_(kNoToken) {
  std::unordered_map<std::string_view, TokenId> ids;
  ids.reserve(definition.vocab.size());
  for (const auto& [token, id] : definition.vocab) ids.emplace(token, id);
  for (size_t byte = 0; byte < 256; ++byte) {
    const auto found = ids.find(byte_alphabet()[byte]);
    byte_ids_[byte] = found == ids.end() ? kNoToken : found->second;
  }
  if (definition.unk_token) unk_id_ = ids.at(*definition.unk_token);

  merges_.reserve(definition.merges.size());
  int32_t rank = 0;
  for (const auto& [left, right] : definition.merges) {
    // A pair listed twice counts by its last rank, as in Hugging Face tokenizers.
    merges_.insert(ids.at(left), ids.at(right), {rank++, ids.at(left + right)});
  }
  if (!ignore_merges_) return;
  bytes_.reserve(definition.vocab.size());
  for (const auto& [token, id] : definition.vocab) {
    auto bytes = token_to_bytes(token);
    if (!bytes) continue;
    bytes_.push_back(std::move(*bytes));
    words_.emplace(bytes_.back(), id);
  }
}

bool Bpe::covers(std::string_view word) const {
  return std::all_of(word.begin(), word.end(),
                     [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)] != kNoToken; });
}

size_t Bpe::encode(std::string_view word, std::vector<WordToken>& out) const {
  if (ignore_merges_) {
    if (const auto whole = words_.find(word); whole != words_.end()) {
      out.push_back({whole->second, 0, static_cast<uint32_t>(word.size())});
      return 0;
    }
  }
  std::vector<WordToken> symbols;
  symbols.reserve(word.size());
  const size_t dropped = start(word, symbols);
  symbols.size() <= kShortWord ? merge_short(symbols) : merge_long(symbols);
  out.insert(out.end(), symbols.begin(), symbols.end());
  return dropped;
}

/// One symbol per byte; bytes without a token become unk_token or nothing.
size_t Bpe::start(std::string_view word, std::vector<WordToken>& symbols) const {
  size_t dropped = 0;
  bool after_unknown = false;
  for (uint32_t i = 0; i < word.size(); ++i) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(word[i])];
    if (id != kNoToken) {
      symbols.push_back({id, i, i + 1});
      after_unknown = false;
      continue;
    }
    if (unk_id_ == kNoToken) {
      ++dropped;
      continue;
    }
    if (fuse_unk_ && after_unknown) {
      symbols.back().end = i + 1;
    } else {
      symbols.push_back({unk_id_, i, i + 1});
    }
    after_unknown = true;
  }
  return dropped;
}

/// Merges the best pair, leftmost first, until none is left: ranks are kept beside the symbols and rescanned.
void Bpe::merge_short(std::vector<WordToken>& symbols) const {
  constexpr int32_t kNone = std::numeric_limits<int32_t>::max();
  if (symbols.size() < 2) return;
  std::array<Merge, kShortWord> next;  // what symbol i merges into with symbol i + 1
  size_t count = symbols.size();
  const auto look_up = [&](size_t i) {
    const Merge* merge = i + 1 < count ? merges_.find(symbols[i].id, symbols[i + 1].id) : nullptr;
    next[i] = merge ? *merge : Merge{kNone, kNoToken};
  };
  for (size_t i = 0; i < count; ++i) look_up(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (next[i].rank < next[best].rank) best = i;
    }
    if (next[best].rank == kNone) break;
    symbols[best] = {next[best].result, symbols[best].begin, symbols[best + 1].end};
    for (size_t i = best + 1; i + 1 < count; ++i) {
      symbols[i] = symbols[i + 1];
      next[i] = next[i + 1];
    }
    --count;
    if (best > 0) look_up(best - 1);
    look_up(best);
  }
  symbols.resize(count);
}

/// The same for long words, in O(n log n): a heap of candidate pairs over a linked list of symbols.
void Bpe::merge_long(std::vector<WordToken>& symbols) const {
  struct Candidate {
    int32_t rank;
    uint32_t left, right;
    TokenId left_id, right_id, result;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  constexpr auto kEnd = std::numeric_limits<uint32_t>::max();
  const auto size = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> previous(size), next(size);
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  const auto consider = [&](uint32_t left, uint32_t right) {
    if (left == kEnd || right == kEnd) return;
    const TokenId a = symbols[left].id, b = symbols[right].id;
    if (const Merge* merge = merges_.find(a, b)) queue.push({merge->rank, left, right, a, b, merge->result});
  };
  for (uint32_t i = 0; i < size; ++i) {
    previous[i] = i == 0 ? kEnd : i - 1;
    next[i] = i + 1 == size ? kEnd : i + 1;
  }
  for (uint32_t i = 0; i + 1 < size; ++i) consider(i, i + 1);
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    // Stale when either side has changed since; a symbol that was merged away has id kNoToken.
    const bool fresh = symbols[top.left].id == top.left_id && next[top.left] == top.right &&
                       symbols[top.right].id == top.right_id;
    if (!fresh) continue;
    symbols[top.left] = {top.result, symbols[top.left].begin, symbols[top.right].end};
    symbols[top.right].id = kNoToken;
    next[top.left] = next[top.right];
    if (next[top.left] != kEnd) previous[next[top.left]] = top.left;
    consider(previous[top.left], top.left);
    consider(top.left, next[top.left]);
  }
  std::erase_if(symbols, [](const WordToken& symbol) { return symbol.id == kNoToken; });
}

}  // namespace rlhf
