#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// A token cut out of the text before anything else looks at it. Semantics: Hugging Face tokenizers,
/// AddedToken.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  ///< matches only where no word character touches it
  bool lstrip = false;       ///< takes the white space on its left along
  bool rstrip = false;       ///< takes the white space on its right along
  bool normalized = false;   ///< matched in the normalized text, by its normalized content
  bool special = false;      ///< left out of the text when decoding asks for it
  bool operator==(const AddedToken&) const = default;
};

/// What becomes of the stretches that a Split pattern matches.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// One pre-tokenizer before the byte level.
struct SplitStep {
  enum class Kind { kRegex, kLiteral, kDigits };
  Kind kind = Kind::kRegex;
  std::string pattern;  ///< regex or literal text; unused for digits
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  ///< the stretches between matches count as the matches
  bool operator==(const SplitStep&) const = default;
};

/// A byte-level BPE tokenizer as plain values: what tokenizer.json says, with everything that changes no id
/// left out.
struct TokenizerDefinition {
  std::vector<std::pair<std::string, TokenId>> vocab;  ///< tokens as spelled in the file, ascending by id
  std::vector<std::pair<std::string, std::string>> merges;  ///< best first
  std::vector<AddedToken> added_tokens;                     ///< ascending by id
  bool nfc = false;
  std::vector<SplitStep> splits;
  bool add_prefix_space = false;                ///< a space before each piece that does not begin with one
  bool gpt2_words = true;                       ///< the byte level splits by GPT-2's pattern first
  std::vector<TokenId> prefix_ids, suffix_ids;  ///< what the post-processor puts around a sequence
  bool ignore_merges = false;                   ///< a word that is a token is emitted whole
  std::optional<std::string> unk_token;         ///< stands for bytes without a token; none: they are dropped
  bool fuse_unk = false;                        ///< neighbouring unknown bytes give one unk_token
};

/// Reads a tokenizer.json and checks all of it. Throws UserError, naming `name` and the field at fault, for
/// anything malformed and for kinds of tokenizer other than byte-level BPE.
TokenizerDefinition parse_tokenizer_json(std::string_view bytes, std::string_view name);

/// The tokenizer.json of a definition, as Hugging Face tokenizers writes it (merges as pairs).
std::string to_tokenizer_json(const TokenizerDefinition& definition);

/// SHA-256 of what the definition means: vocabulary, merges, added tokens, normalizer, pre- and
/// post-processor. Two spellings of one tokenizer have one hash.
std::string hash_of(const TokenizerDefinition& definition);

}  // namespace rlhf
