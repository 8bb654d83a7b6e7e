#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/token.h"
#include "text/tokenizer_definition.h"

namespace rlhf {

struct EncodeOptions {
  bool add_special_tokens = true;  ///< put what the post-processor asks for (a BOS, say) around the text
};

/// Bytes [begin, end) of the text.
struct ByteSpan {
  size_t begin = 0, end = 0;
  bool operator==(const ByteSpan&) const = default;
};

struct Encoding {
  std::vector<TokenId> ids;
  /// One per id: the bytes of the given text that the token came from, white space included, split characters
  /// too. Where normalization changed a character, all of its bytes. Tokens of the post-processor have empty
  /// spans at either end.
  std::vector<ByteSpan> spans;
  size_t dropped_bytes = 0;  ///< bytes of the text that no token stands for
};

/// A byte-level BPE tokenizer: what a tokenizer.json and the files beside it describe. Ids are those of
/// Hugging Face tokenizers, bit for bit. Immutable and cheap to copy; threads may share one.
class Tokenizer {
 public:
  static constexpr char kTokenizerJson[] = "tokenizer.json";

  /// Loads a model folder (tokenizer.json, and tokenizer_config.json, special_tokens_map.json,
  /// chat_template.jinja, generation_config.json, config.json where they are), or a tokenizer.json alone.
  /// Throws UserError naming file and field for what is missing, malformed or of a kind that is not
  /// byte-level BPE.
  static Tokenizer load(const std::filesystem::path& folder_or_file);
  /// The same from names and bytes, for checkpoints that arrive over the wire; other files are ignored.
  /// `tokenizer_json` is how errors name that file ("DIR/tokenizer.json"); those beside it are named alike.
  static Tokenizer from_files(const std::map<std::string, std::string>& files,
                              const std::string& tokenizer_json = kTokenizerJson);
  /// A tokenizer.json without anything beside it.
  static Tokenizer from_json(std::string_view bytes, std::string_view name_for_errors);

  /// Throws UserError when `text` is not valid UTF-8.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const;
  Encoding encode_with_offsets(std::string_view text, EncodeOptions options = {}) const;
  /// Encodes each text; `threads` of them at a time. The result does not depend on their number.
  std::vector<std::vector<TokenId>> encode_batch(const std::vector<std::string>& texts,
                                                 EncodeOptions options = {}, int threads = 1) const;

  /// The text of ids; ill-formed UTF-8 becomes U+FFFD. Ids that no token has are left out.
  std::string decode(const std::vector<TokenId>& ids, bool skip_special_tokens = true) const;
  /// The bytes one token stands for; empty for an id that no token has.
  std::string_view token_bytes(TokenId id) const;

  /// Ids are in [0, vocab_size); some may be unused.
  TokenId vocab_size() const;
  std::optional<TokenId> token_to_id(std::string_view token) const;
  /// The token as tokenizer.json spells it; empty for an id that no token has.
  std::string_view id_to_token(TokenId id) const;
  const std::vector<AddedToken>& added_tokens() const;
  bool is_special(TokenId id) const;
  /// What the post-processor puts before and after a text.
  const std::vector<TokenId>& prefix_ids() const;
  const std::vector<TokenId>& suffix_ids() const;

  /// Roles, which may share an id or be absent. Source: tokenizer_config.json, then special_tokens_map.json,
  /// then generation_config.json, then config.json.
  std::optional<TokenId> bos_id() const;
  std::optional<TokenId> eos_id() const;
  std::optional<TokenId> pad_id() const;
  std::optional<TokenId> unk_id() const;
  /// Every token that ends generation: eos_id() first, then the others of generation_config.json or
  /// config.json.
  const std::vector<TokenId>& eos_ids() const;

  /// The chat template named "default" (Jinja source), and all by name; empty when the files have none.
  std::optional<std::string> chat_template() const;
  const std::map<std::string, std::string>& chat_templates() const;

  /// SHA-256 over the meaning of the tokenizer (see hash_of), not over how its files spell it.
  const std::string& hash() const;
  /// The files to put into a checkpoint folder, byte for byte as they were loaded.
  const std::map<std::string, std::string>& to_files() const;
  /// Bytes of all texts so far that were dropped because no token stands for them.
  uint64_t dropped_bytes() const;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

}  // namespace rlhf
