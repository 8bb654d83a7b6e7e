#include "model/gguf_tokenizer.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "model/gguf_pre_tokenizer.h"
#include "text/utf8.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

constexpr uint64_t kMaxTokens = uint64_t{1} << 24;
const std::string kKeys = "tokenizer.ggml.";

const GgufPreTokenizer& pre_tokenizer_of(const GgufFile& file) {
  const std::string model = file.text(kKeys + "model");
  if (model != "gpt2") {
    file.fail("the tokenizer is of kind \"" + model + "\"" + (model == "llama" ? " (SentencePiece)" : "") +
              "; only byte-level BPE, \"gpt2\", is supported");
  }
  const std::string name = file.text(kKeys + "pre", "");
  const GgufPreTokenizer* found = find_pre_tokenizer(name);
  if (!found) {
    file.fail("the pre-tokenizer \"" + name + "\" is not supported; these are: " + known_pre_tokenizers());
  }
  return *found;
}

std::vector<std::string> read_tokens(const GgufFile& file) {
  std::vector<std::string> tokens = file.texts(kKeys + "tokens", kMaxTokens);
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding && static_cast<int64_t>(tokens.size()) > embedding->shape[0]) {
    file.fail("there are " + std::to_string(tokens.size()) + " tokens, but only " +
              std::to_string(embedding->shape[0]) + " embeddings");
  }
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (find_invalid_utf8(tokens[id]) != std::string::npos) {
      file.fail("token " + std::to_string(id) + " is not UTF-8");
    }
  }
  return tokens;
}

std::optional<TokenId> role(const GgufFile& file, const char* name, std::size_t tokens) {
  const auto id = file.find_size(kKeys + name, INT32_MAX);
  if (!id) return std::nullopt;
  if (static_cast<uint64_t>(*id) >= tokens) {
    file.fail(kKeys + name + " is " + std::to_string(*id) + ", but there are " + std::to_string(tokens) +
              " tokens");
  }
  return static_cast<TokenId>(*id);
}

std::pair<std::string, std::string> split_merge(const GgufFile& file, const std::string& merge) {
  const std::size_t space = merge.find(' ', 1);  // tokens hold no spaces
  if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos ||
      find_invalid_utf8(merge) != std::string::npos) {
    file.fail("a merge in " + kKeys + "merges is not two tokens");
  }
  return {merge.substr(0, space), merge.substr(space + 1)};
}

void add_tokens(const GgufFile& file, const std::vector<std::string>& tokens,
                TokenizerDefinition& definition) {
  const std::string key = kKeys + "token_type";
  const std::vector<int64_t> types =
      file.has(key) ? file.integers(key, kMaxTokens) : std::vector<int64_t>(tokens.size(), 1);
  if (types.size() != tokens.size()) file.fail(key + " and the tokens differ in number");
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const auto type = static_cast<GgufTokenType>(types[i]);
    if (type == GgufTokenType::kByte)
      file.fail("byte tokens belong to SentencePiece, which is not supported");
    if (type == GgufTokenType::kUnused) continue;
    definition.vocab.emplace_back(tokens[i], id);
    if (type == GgufTokenType::kNormal) continue;
    AddedToken added;
    added.id = id;
    added.content = tokens[i];
    added.special = type != GgufTokenType::kUserDefined;
    definition.added_tokens.push_back(std::move(added));
  }
}

TokenizerDefinition read_definition(const GgufFile& file, const std::vector<std::string>& tokens) {
  const GgufPreTokenizer& pre = pre_tokenizer_of(file);
  TokenizerDefinition definition;
  definition.nfc = pre.nfc;
  definition.splits = pre.splits;
  definition.gpt2_words = pre.gpt2_words;
  definition.ignore_merges = pre.ignore_merges;
  add_tokens(file, tokens, definition);
  for (const std::string& merge : file.texts(kKeys + "merges", kMaxTokens)) {
    definition.merges.push_back(split_merge(file, merge));
  }
  const auto surround = [&](const char* flag, bool fallback, const char* id_key, std::vector<TokenId>& ids) {
    if (!file.flag(kKeys + flag, fallback)) return;
    const auto id = role(file, id_key, tokens.size());
    if (!id) file.fail(kKeys + flag + " is set, but there is no " + kKeys + id_key);
    ids.push_back(*id);
  };
  surround("add_bos_token", pre.add_bos, "bos_token_id", definition.prefix_ids);
  surround("add_eos_token", false, "eos_token_id", definition.suffix_ids);
  return definition;
}

std::string tokenizer_config(const GgufFile& file, const std::vector<std::string>& tokens) {
  ordered_json config;
  const std::pair<const char*, const char*> roles[] = {{"bos_token", "bos_token_id"},
                                                       {"eos_token", "eos_token_id"},
                                                       {"pad_token", "padding_token_id"},
                                                       {"unk_token", "unknown_token_id"}};
  for (const auto& [name, key] : roles) {
    if (const auto id = role(file, key, tokens.size())) config[name] = tokens[static_cast<std::size_t>(*id)];
  }
  config["clean_up_tokenization_spaces"] = false;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config.dump(2) + "\n";
}

/// Every token that ends generation stands here: tokenizer_config.json can name only one.
std::string generation_config(const GgufFile& file) {
  const GgufTokenRoles roles = gguf_token_roles(file);
  ordered_json config = ordered_json::object();
  if (roles.bos) config["bos_token_id"] = *roles.bos;
  if (!roles.eos.empty()) config["eos_token_id"] = roles.eos;
  if (roles.pad) config["pad_token_id"] = *roles.pad;
  return config.dump(2) + "\n";
}

/// The definition behind a tokenizer, which keeps the tokenizer.json it came from.
TokenizerDefinition definition_of(const Tokenizer& tokenizer) {
  return parse_tokenizer_json(tokenizer.to_files().at("tokenizer.json"), "tokenizer.json");
}

/// The token that the post-processor puts at one end of a text, for the role of that end. llama.cpp can put
/// nothing else there.
std::optional<TokenId> token_at_end(const std::vector<TokenId>& ids, const std::optional<TokenId>& role_id) {
  if (ids.empty()) return role_id;
  if (ids.size() > 1 || ids[0] != role_id.value_or(ids[0])) {
    throw UserError("llama.cpp can put no other tokens around a text than BOS and EOS; this tokenizer does");
  }
  return ids[0];
}

void append_roles(const Tokenizer& tokenizer, GgufMetadata& metadata) {
  const auto add = [&](const char* key, const std::optional<TokenId>& id) {
    if (id) metadata.emplace_back(kKeys + key, static_cast<uint32_t>(*id));
  };
  add("bos_token_id", token_at_end(tokenizer.prefix_ids(), tokenizer.bos_id()));
  add("eos_token_id", token_at_end(tokenizer.suffix_ids(), tokenizer.eos_id()));
  add("unknown_token_id", tokenizer.unk_id());
  add("padding_token_id", tokenizer.pad_id());
  if (tokenizer.eos_ids().size() > 1) add("eot_token_id", tokenizer.eos_ids()[1]);
  metadata.emplace_back(kKeys + "add_bos_token", !tokenizer.prefix_ids().empty());
  metadata.emplace_back(kKeys + "add_eos_token", !tokenizer.suffix_ids().empty());
  metadata.emplace_back(kKeys + "add_space_prefix", false);
}

void append_tokens(const TokenizerDefinition& definition, TokenId vocab_size, GgufMetadata& metadata) {
  const auto count = static_cast<std::size_t>(vocab_size);
  std::vector<std::string> tokens(count);
  std::vector<int32_t> types(count, static_cast<int32_t>(GgufTokenType::kUnused));
  const auto set = [&](TokenId id, const std::string& token, GgufTokenType type) {
    tokens.at(static_cast<std::size_t>(id)) = token;
    types.at(static_cast<std::size_t>(id)) = static_cast<int32_t>(type);
  };
  for (const auto& [token, id] : definition.vocab) set(id, token, GgufTokenType::kNormal);
  for (const AddedToken& token : definition.added_tokens) {
    set(token.id, token.content, token.special ? GgufTokenType::kControl : GgufTokenType::kUserDefined);
  }
  for (std::size_t id = 0; id < count; ++id) {
    if (tokens[id].empty()) tokens[id] = "[PAD" + std::to_string(id) + "]";
  }
  std::vector<std::string> merges;
  for (const auto& [left, right] : definition.merges) merges.push_back(left + " " + right);
  metadata.emplace_back(kKeys + "tokens", std::move(tokens));
  metadata.emplace_back(kKeys + "token_type", std::move(types));
  metadata.emplace_back(kKeys + "merges", std::move(merges));
}

}  // namespace

std::map<std::string, std::string> gguf_tokenizer_files(const GgufFile& file) {
  const std::vector<std::string> tokens = read_tokens(file);
  std::map<std::string, std::string> files;
  files["tokenizer.json"] = to_tokenizer_json(read_definition(file, tokens));
  files["tokenizer_config.json"] = tokenizer_config(file, tokens);
  files["generation_config.json"] = generation_config(file);
  if (file.has("tokenizer.chat_template")) {
    files["chat_template.jinja"] = file.text("tokenizer.chat_template");
    if (find_invalid_utf8(files["chat_template.jinja"]) != std::string::npos) {
      file.fail("the chat template is not UTF-8");
    }
  }
  return files;
}

GgufTokenRoles gguf_token_roles(const GgufFile& file) {
  GgufTokenRoles roles;
  const auto read = [&](const char* key) { return role(file, key, kMaxTokens); };
  roles.bos = read("bos_token_id");
  roles.pad = read("padding_token_id");
  for (const char* key : {"eos_token_id", "eot_token_id"}) {
    const auto id = read(key);
    if (id && std::find(roles.eos.begin(), roles.eos.end(), *id) == roles.eos.end()) roles.eos.push_back(*id);
  }
  return roles;
}

void append_tokenizer(const Tokenizer& tokenizer, TokenId vocab_size, GgufMetadata& metadata) {
  const TokenizerDefinition definition = definition_of(tokenizer);
  const GgufPreTokenizer* pre = match_pre_tokenizer(definition);
  if (!pre) {
    throw UserError(
        "llama.cpp has no name that we know for this tokenizer's way of cutting words; known are " +
        known_pre_tokenizers());
  }
  if (tokenizer.vocab_size() > vocab_size) {
    throw UserError("the tokenizer has " + std::to_string(tokenizer.vocab_size()) +
                    " ids, but the model only " + std::to_string(vocab_size));
  }
  metadata.emplace_back(kKeys + "model", std::string("gpt2"));
  metadata.emplace_back(kKeys + "pre", pre->name);
  append_tokens(definition, vocab_size, metadata);
  append_roles(tokenizer, metadata);
  if (const auto chat_template = tokenizer.chat_template()) {
    metadata.emplace_back("tokenizer.chat_template", *chat_template);
  }
}

}  // namespace rlhf
