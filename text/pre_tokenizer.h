#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "text/regex.h"
#include "text/tokenizer_definition.h"
#include "text/word_scanner.h"

namespace rlhf {

/// Cuts text into the words that BPE merges within. Immutable; threads may share it.
class PreTokenizer {
 public:
  /// A word: `prefix_space` says that a space which is not in the text stands before its bytes.
  struct Word {
    size_t begin, end;
    bool prefix_space;
  };

  /// Throws UserError when a pattern does not compile.
  explicit PreTokenizer(const TokenizerDefinition& definition);

  /// Appends the words of a piece of text between added tokens; valid UTF-8, positions within `piece`.
  void split(std::string_view piece, std::vector<Word>& words) const;

 private:
  struct Step {
    SplitStep definition;
    std::optional<WordPattern> known;
    std::optional<Regex> regex;
  };
  struct Stretch {
    size_t begin, end;
    bool match;
  };
  void walk(size_t step, std::string_view piece, size_t offset, std::vector<Word>& words) const;
  void byte_level(std::string_view piece, size_t offset, std::vector<Word>& words) const;
  static std::vector<Stretch> stretches(const Step& step, std::string_view piece);
  static void apply_behavior(SplitBehavior behavior, std::vector<Stretch>& stretches);

  std::vector<Step> steps_;
  bool add_prefix_space_, gpt2_words_;
};

}  // namespace rlhf
