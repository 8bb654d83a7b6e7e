#pragma once
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/token.h"

namespace rlhf {

/// What the files beside tokenizer.json say about a tokenizer.
struct TokenizerRoles {
  std::optional<TokenId> bos, eos, pad, unk;
  std::vector<TokenId> eos_ids;
  std::map<std::string, std::string> chat_templates;  ///< by name; the one in use is "default"
};

using TokenLookup = std::function<std::optional<TokenId>(std::string_view)>;

/// Reads tokenizer_config.json, special_tokens_map.json, chat_template.jinja, generation_config.json and
/// config.json of `files`, as far as they are there. `where` stands before a file's name in errors. Ids
/// outside [0, vocab_size) are ignored: config classes have defaults that fit their first model only. Throws
/// UserError for malformed files and for a bos, eos or pad token that the tokenizer does not have.
TokenizerRoles read_roles(const std::map<std::string, std::string>& files, const std::string& where,
                          const TokenLookup& look_up, TokenId vocab_size);

}  // namespace rlhf
