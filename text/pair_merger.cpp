#include "text/pair_merger.h"

namespace rlhf {

void PairMerger::add_word(const std::vector<TokenId>& tokens, int64_t count) {
  words_.push_back({static_cast<uint32_t>(symbols_.size()), static_cast<uint32_t>(tokens.size()), count});
  symbols_.insert(symbols_.end(), tokens.begin(), tokens.end());
}

void PairMerger::count_pairs() {
  for (uint32_t index = 0; index < words_.size(); ++index) {
    const Word& word = words_[index];
    for (uint32_t i = word.begin; i + 1 < word.begin + word.length; ++i) {
      adjust({symbols_[i], symbols_[i + 1]}, word.count, index);
    }
  }
  queue_new();
}

PairMerger::Candidate PairMerger::pop() {
  while (!queue_.empty()) {
    Candidate top = queue_.top();
    queue_.pop();
    const int64_t now = pairs_[top.pair].count;
    if (top.count == now) return top;
    top.count = now;  // other merges have eaten into it: it queues again where it now belongs
    if (now > 0) queue_.push(top);
  }
  return {0, {}, 0};
}

void PairMerger::merge(const Candidate& candidate, TokenId merged) {
  const std::vector<uint32_t> words = std::move(places_[candidate.places]);
  for (const uint32_t word : words) merge_word(word, candidate.pair, merged);
  queue_new();
}

/// The pair's own count stays as it is: should the pair come up again, through a token that two merges spell,
/// it starts from there, as it does in Hugging Face's trainer.
void PairMerger::merge_word(uint32_t index, const Pair& pair, TokenId merged) {
  Word& word = words_[index];
  TokenId* symbols = symbols_.data() + word.begin;
  uint32_t write = 0;
  for (uint32_t read = 0; read < word.length; ++read) {
    const bool found =
        symbols[read] == pair.first && read + 1 < word.length && symbols[read + 1] == pair.second;
    if (!found) {
      symbols[write++] = symbols[read];
      continue;
    }
    if (write > 0) {
      adjust({symbols[write - 1], pair.first}, -word.count, index);
      adjust({symbols[write - 1], merged}, word.count, index);
    }
    ++read;
    if (read + 1 < word.length) {
      adjust({pair.second, symbols[read + 1]}, -word.count, index);
      adjust({merged, symbols[read + 1]}, word.count, index);
    }
    symbols[write++] = merged;
  }
  word.length = write;
}

void PairMerger::adjust(const Pair& pair, int64_t change, uint32_t word) {
  PairState& state = pairs_[pair];
  state.count += change;
  if (change < 0) return;
  if (state.new_words.empty()) touched_.push_back(pair);
  if (state.new_words.empty() || state.new_words.back() != word) state.new_words.push_back(word);
}

void PairMerger::queue_new() {
  for (const Pair& pair : touched_) {
    PairState& state = pairs_[pair];
    if (state.count > 0) {
      queue_.push({state.count, pair, places_.size()});
      places_.push_back(std::move(state.new_words));
    }
    state.new_words.clear();
  }
  touched_.clear();
}

}  // namespace rlhf
