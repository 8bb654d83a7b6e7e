#include "text/pre_tokenizer.h"

#include <algorithm>
#include <string>

#include "text/character_class.h"
#include "text/utf8.h"

namespace rlhf {

PreTokenizer::PreTokenizer(const TokenizerDefinition& definition)
    : add_prefix_space_(definition.add_prefix_space), gpt2_words_(definition.gpt2_words) {
  for (const SplitStep& split : definition.splits) {
    Step step{split, std::nullopt, std::nullopt};
    if (split.kind == SplitStep::Kind::kRegex) {
      // By hand only where every word is a match and is kept as it is.
      const bool keeps_words = split.behavior == SplitBehavior::kIsolated ||
                               (split.behavior == SplitBehavior::kRemoved && split.invert);
      if (keeps_words) step.known = known_word_pattern(split.pattern);
      if (!step.known) step.regex = Regex(split.pattern);
    } else if (split.kind == SplitStep::Kind::kLiteral) {
      step.regex = Regex::literal(split.pattern);
    }
    steps_.push_back(std::move(step));
  }
}

void PreTokenizer::split(std::string_view piece, std::vector<Word>& words) const {
  walk(0, piece, 0, words);
}

void PreTokenizer::walk(size_t step, std::string_view piece, size_t offset, std::vector<Word>& words) const {
  if (piece.empty()) return;
  if (step == steps_.size()) return byte_level(piece, offset, words);
  if (const auto& known = steps_[step].known) {
    for (size_t begin = 0; begin < piece.size();) {
      const size_t end = word_end(*known, piece, begin);
      walk(step + 1, piece.substr(begin, end - begin), offset + begin, words);
      begin = end;
    }
    return;
  }
  for (const Stretch& stretch : stretches(steps_[step], piece)) {
    walk(step + 1, piece.substr(stretch.begin, stretch.end - stretch.begin), offset + stretch.begin, words);
  }
}

void PreTokenizer::byte_level(std::string_view piece, size_t offset, std::vector<Word>& words) const {
  bool prefix_space = add_prefix_space_ && piece.front() != ' ';
  size_t begin = 0;
  if (prefix_space && gpt2_words_) {
    const size_t end = word_end(WordPattern::kGpt2, " " + std::string(piece), 0);
    words.push_back({offset, offset + end - 1, true});
    begin = end - 1;
  } else if (!gpt2_words_) {
    words.push_back({offset, offset + piece.size(), prefix_space});
    return;
  }
  while (begin < piece.size()) {
    const size_t end = word_end(WordPattern::kGpt2, piece, begin);
    words.push_back({offset + begin, offset + end, false});
    begin = end;
  }
}

std::vector<PreTokenizer::Stretch> PreTokenizer::stretches(const Step& step, std::string_view piece) {
  std::vector<Stretch> found;
  size_t last = 0;
  const auto on_match = [&](size_t begin, size_t end) {
    if (begin > last) found.push_back({last, begin, false});
    found.push_back({begin, end, true});
    last = end;
  };
  if (step.regex) {
    step.regex->find_all(piece, on_match);
  } else {
    for (size_t i = 0; i < piece.size();) {
      const CodePoint c = code_point_at(piece, i);
      if (is_numeric(c.value)) on_match(i, i + c.length);
      i += c.length;
    }
  }
  if (last < piece.size()) found.push_back({last, piece.size(), false});
  if (step.definition.invert) {
    for (Stretch& stretch : found) stretch.match = !stretch.match;
  }
  apply_behavior(step.definition.behavior, found);
  return found;
}

void PreTokenizer::apply_behavior(SplitBehavior behavior, std::vector<Stretch>& stretches) {
  if (behavior == SplitBehavior::kIsolated) return;
  if (behavior == SplitBehavior::kRemoved) {
    std::erase_if(stretches, [](const Stretch& stretch) { return stretch.match; });
    return;
  }
  const bool backwards = behavior == SplitBehavior::kMergedWithNext;
  if (backwards) std::reverse(stretches.begin(), stretches.end());
  std::vector<Stretch> merged;
  bool previous_match = false;
  for (const Stretch& stretch : stretches) {
    const bool joins = behavior == SplitBehavior::kContiguous ? stretch.match == previous_match
                                                              : stretch.match && !previous_match;
    previous_match = stretch.match;
    if (!joins || merged.empty()) {
      merged.push_back(stretch);
    } else if (backwards) {
      merged.back().begin = stretch.begin;
    } else {
      merged.back().end = stretch.end;
    }
  }
  if (backwards) std::reverse(merged.begin(), merged.end());
  stretches = std::move(merged);
}

}  // namespace rlhf
