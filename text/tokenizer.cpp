#include "text/tokenizer.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <unordered_map>

#include "contract/error.h"
#include "text/byte_alphabet.h"
#include "text/encoder.h"
#include "text/normalizer.h"
#include "text/parallel_map.h"
#include "text/tokenizer_roles.h"
#include "text/utf8.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

/// Those that are saved with a checkpoint; config.json is read for roles but belongs to the model.
constexpr const char* kSavedFiles[] = {Tokenizer::kTokenizerJson, "tokenizer_config.json",
                                       "special_tokens_map.json", "chat_template.jinja",
                                       "generation_config.json"};
constexpr const char* kConfig = "config.json";

std::string read_whole(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError(path.string() + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What decoding gives for a token. Bytes of an added token that would be ill-formed on their own are taken
/// as text: "é" then means itself, not the byte that the alphabet spells so.
std::string meaning_of(const std::string& token, bool added) {
  auto bytes = token_to_bytes(token);
  if (!bytes || (added && find_invalid_utf8(*bytes) != std::string::npos)) return token;
  return std::move(*bytes);
}

}  // namespace

struct Tokenizer::State {
  explicit State(TokenizerDefinition parsed) : definition(std::move(parsed)), encoder(definition) {
    for (const auto& [token, id] : definition.vocab) set(id, token, meaning_of(token, false));
    for (const AddedToken& token : definition.added_tokens) {
      const bool changes = token.normalized && definition.nfc;
      set(token.id, token.content, meaning_of(changes ? to_nfc(token.content) : token.content, true));
      entries[static_cast<size_t>(token.id)].special = token.special;
    }
    ids.reserve(entries.size());
    for (size_t id = 0; id < entries.size(); ++id) {
      if (entries[id].known) ids.emplace(entries[id].token, static_cast<TokenId>(id));
    }
    hash = hash_of(definition);
  }

  struct Entry {
    std::string token, bytes;
    bool known = false, special = false;
  };

  void set(TokenId id, const std::string& token, std::string bytes) {
    const auto index = static_cast<size_t>(id);
    if (index >= entries.size()) entries.resize(index + 1);
    entries[index] = {token, std::move(bytes), true, false};
  }
  const Entry* find(TokenId id) const {
    const auto index = static_cast<size_t>(id);
    return id >= 0 && index < entries.size() && entries[index].known ? &entries[index] : nullptr;
  }

  TokenizerDefinition definition;
  Encoder encoder;
  std::vector<Entry> entries;  ///< by id
  std::unordered_map<std::string_view, TokenId> ids;
  TokenizerRoles roles;
  std::map<std::string, std::string> files;
  std::string hash;
};

Tokenizer::Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Tokenizer Tokenizer::load(const fs::path& folder_or_file) {
  if (fs::is_regular_file(folder_or_file))
    return from_json(read_whole(folder_or_file), folder_or_file.string());
  if (!fs::is_directory(folder_or_file))
    throw UserError(folder_or_file.string() + ": no such folder or file");
  std::map<std::string, std::string> files;
  const auto read = [&](const char* name) {
    if (fs::is_regular_file(folder_or_file / name)) files[name] = read_whole(folder_or_file / name);
  };
  for (const char* name : kSavedFiles) read(name);
  read(kConfig);
  return from_files(files, (folder_or_file / kTokenizerJson).string());
}

Tokenizer Tokenizer::from_files(const std::map<std::string, std::string>& files,
                                const std::string& tokenizer_json) {
  const auto json = files.find(kTokenizerJson);
  if (json == files.end()) {
    throw UserError(tokenizer_json + ": no such file; transformers writes it with every fast tokenizer");
  }
  auto state = std::make_shared<State>(parse_tokenizer_json(json->second, tokenizer_json));
  std::string where = tokenizer_json;
  if (where.ends_with(kTokenizerJson)) where.resize(where.size() - std::string(kTokenizerJson).size());
  const auto look_up = [&](std::string_view token) -> std::optional<TokenId> {
    const auto found = state->ids.find(token);
    return found == state->ids.end() ? std::nullopt : std::optional(found->second);
  };
  state->roles = read_roles(files, where, look_up, static_cast<TokenId>(state->entries.size()));
  for (const char* name : kSavedFiles) {
    if (const auto file = files.find(name); file != files.end()) state->files.insert(*file);
  }
  return Tokenizer(std::move(state));
}

Tokenizer Tokenizer::from_json(std::string_view bytes, std::string_view name_for_errors) {
  auto state = std::make_shared<State>(parse_tokenizer_json(bytes, name_for_errors));
  state->files[kTokenizerJson] = bytes;
  return Tokenizer(std::move(state));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, EncodeOptions options) const {
  return state_->encoder.encode(text, options, false).ids;
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, EncodeOptions options) const {
  return state_->encoder.encode(text, options, true);
}

std::vector<std::vector<TokenId>> Tokenizer::encode_batch(const std::vector<std::string>& texts,
                                                          EncodeOptions options, int threads) const {
  return parallel_map(texts.size(), threads, [&](size_t i) { return encode(texts[i], options); });
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool skip_special_tokens) const {
  std::string bytes;
  for (const TokenId id : ids) {
    if (!(skip_special_tokens && is_special(id))) bytes += token_bytes(id);
  }
  if (find_invalid_utf8(bytes) == std::string::npos) return bytes;
  std::string text;
  append_valid_utf8(bytes, true, text);
  return text;
}

std::string_view Tokenizer::token_bytes(TokenId id) const {
  const State::Entry* entry = state_->find(id);
  return entry ? std::string_view(entry->bytes) : std::string_view();
}

TokenId Tokenizer::vocab_size() const {
  return static_cast<TokenId>(state_->entries.size());
}

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const auto found = state_->ids.find(token);
  return found == state_->ids.end() ? std::nullopt : std::optional(found->second);
}

std::string_view Tokenizer::id_to_token(TokenId id) const {
  const State::Entry* entry = state_->find(id);
  return entry ? std::string_view(entry->token) : std::string_view();
}

const std::vector<AddedToken>& Tokenizer::added_tokens() const {
  return state_->definition.added_tokens;
}

bool Tokenizer::is_special(TokenId id) const {
  const State::Entry* entry = state_->find(id);
  return entry && entry->special;
}

const std::vector<TokenId>& Tokenizer::prefix_ids() const {
  return state_->definition.prefix_ids;
}
const std::vector<TokenId>& Tokenizer::suffix_ids() const {
  return state_->definition.suffix_ids;
}

std::optional<TokenId> Tokenizer::bos_id() const {
  return state_->roles.bos;
}
std::optional<TokenId> Tokenizer::eos_id() const {
  return state_->roles.eos;
}
std::optional<TokenId> Tokenizer::pad_id() const {
  return state_->roles.pad;
}
std::optional<TokenId> Tokenizer::unk_id() const {
  return state_->roles.unk;
}
const std::vector<TokenId>& Tokenizer::eos_ids() const {
  return state_->roles.eos_ids;
}

std::optional<std::string> Tokenizer::chat_template() const {
  const auto found = state_->roles.chat_templates.find("default");
  return found == state_->roles.chat_templates.end() ? std::nullopt : std::optional(found->second);
}

const std::map<std::string, std::string>& Tokenizer::chat_templates() const {
  return state_->roles.chat_templates;
}
const std::string& Tokenizer::hash() const {
  return state_->hash;
}
const std::map<std::string, std::string>& Tokenizer::to_files() const {
  return state_->files;
}
uint64_t Tokenizer::dropped_bytes() const {
  return state_->encoder.dropped_bytes();
}

}  // namespace rlhf
