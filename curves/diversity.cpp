#include "curves/diversity.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <set>
#include <unordered_set>

namespace rlhf {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

char lowered(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <typename Item>
double distinct(const std::vector<std::vector<Item>>& sequences, int n) {
  assert(n >= 1);
  std::set<std::vector<Item>> seen;
  std::size_t total = 0;
  for (const auto& sequence : sequences) {
    for (auto begin = sequence.begin(); sequence.end() - begin >= n; ++begin, ++total)
      seen.emplace(begin, begin + n);
  }
  return total == 0 ? 0.0 : static_cast<double>(seen.size()) / static_cast<double>(total);
}

}  // namespace

double distinct_n(const std::vector<std::vector<TokenId>>& responses, int n) {
  return distinct(responses, n);
}

double distinct_n(const std::vector<std::string>& texts, int n) {
  std::vector<std::vector<std::string>> words;
  for (const auto& text : texts) words.push_back(words_of(text));
  return distinct(words, n);
}

double repeated_word_share(const std::vector<std::string>& texts) {
  double sum = 0;
  for (const auto& text : texts) {
    const auto words = words_of(text);
    const std::unordered_set<std::string> unique(words.begin(), words.end());
    if (!words.empty()) sum += 1.0 - static_cast<double>(unique.size()) / static_cast<double>(words.size());
  }
  return texts.empty() ? 0.0 : sum / static_cast<double>(texts.size());
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto end = std::find_if(text.begin(), text.end(), is_space);
    std::string_view word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    while (!word.empty() && is_punctuation(word.front())) word.remove_prefix(1);
    while (!word.empty() && is_punctuation(word.back())) word.remove_suffix(1);
    if (word.empty()) continue;
    std::string& made = words.emplace_back(word);
    std::transform(made.begin(), made.end(), made.begin(), lowered);
  }
  return words;
}

}  // namespace rlhf
