#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "contract/token.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_definition.h"

namespace rlhf {

struct BpeTrainingOptions {
  TokenId vocab_size = 8192;  ///< special tokens and the 256 bytes included; reached unless pairs run out
  int64_t min_frequency = 2;  ///< a pair seen less often is not merged
  std::vector<std::string> special_tokens;  ///< take the first ids, in this order
  bool digits = false;                      ///< each digit is a word of its own
};

/// Learns a byte-level BPE over GPT-2's words. Deterministic: of the pairs seen most often the one with the
/// smallest ids is merged. Vocabulary and merges equal those of Hugging Face's BpeTrainer given the same
/// texts, options and the byte alphabet. Source: Sennrich et al. (arXiv 1508.07909). One thread.
class BpeTrainer {
 public:
  /// Throws UserError when the vocabulary cannot hold the special tokens and the bytes, or a special token is
  /// empty or listed twice.
  explicit BpeTrainer(BpeTrainingOptions options);

  /// Counts the words of a text. How a corpus is cut into texts matters only where white space is cut.
  /// Throws UserError when `text` is not valid UTF-8.
  void add(std::string_view text);

  /// Merges. Call once, after every add.
  TokenizerDefinition train() const;

 private:
  BpeTrainingOptions options_;
  TokenizerDefinition definition_;  ///< all but vocabulary and merges
  PreTokenizer pre_tokenizer_;
  std::unordered_map<std::string, int64_t> word_counts_;
};

/// Which of the special tokens play a role; empty for none.
struct SpecialRoles {
  std::string bos, eos, pad;
};

/// tokenizer.json, tokenizer_config.json and special_tokens_map.json of a tokenizer, as transformers reads
/// them.
std::map<std::string, std::string> tokenizer_files(const TokenizerDefinition& definition,
                                                   const SpecialRoles& roles);

}  // namespace rlhf
