#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "contract/token.h"
#include "model/gguf_metadata.h"
#include "model/gguf_reader.h"
#include "text/tokenizer.h"

namespace rlhf {

/// tokenizer.json, tokenizer_config.json, generation_config.json and, when there is a template,
/// chat_template.jinja of the tokenizer that a GGUF file's metadata describes. UserError for SentencePiece
/// and other kinds than byte-level BPE, for pre-tokenizers other than those of GPT-2, SmolLM, Llama 3 and
/// Qwen 2, by name, and for metadata that contradicts itself.
std::map<std::string, std::string> gguf_tokenizer_files(const GgufFile& file);

/// Ids that end a text, the first one the end of a sequence, and the other roles, as config.json has them.
struct GgufTokenRoles {
  std::optional<TokenId> bos, pad;
  std::vector<TokenId> eos;
};
GgufTokenRoles gguf_token_roles(const GgufFile& file);

/// The same as metadata keys "tokenizer....". Ids up to `vocab_size` that no token has are filled up as
/// llama.cpp's converter does. UserError when llama.cpp has no name for the tokenizer's pre-tokenizer or
/// template of special tokens.
void append_tokenizer(const Tokenizer& tokenizer, TokenId vocab_size, GgufMetadata& metadata);

}  // namespace rlhf
