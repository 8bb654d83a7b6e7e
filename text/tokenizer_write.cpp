#include <cstdint>
#include <map>

#include <nlohmann/json.hpp>

#include "contract/sha256.h"
#include "text/tokenizer_definition.h"

namespace rlhf {

namespace {

using Json = nlohmann::ordered_json;

const char* spelling(SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::kRemoved:
      return "Removed";
    case SplitBehavior::kMergedWithPrevious:
      return "MergedWithPrevious";
    case SplitBehavior::kMergedWithNext:
      return "MergedWithNext";
    case SplitBehavior::kContiguous:
      return "Contiguous";
    default:
      return "Isolated";
  }
}

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json to_json(const SplitStep& step) {
  if (step.kind == SplitStep::Kind::kDigits) {
    return {{"type", "Digits"}, {"individual_digits", step.behavior == SplitBehavior::kIsolated}};
  }
  const char* kind = step.kind == SplitStep::Kind::kRegex ? "Regex" : "String";
  return {{"type", "Split"},
          {"pattern", {{kind, step.pattern}}},
          {"behavior", spelling(step.behavior)},
          {"invert", step.invert}};
}

Json to_json(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

Json pre_tokenizer(const TokenizerDefinition& definition) {
  const Json last = byte_level(definition.add_prefix_space, definition.gpt2_words);
  if (definition.splits.empty()) return last;
  Json steps = Json::array();
  for (const SplitStep& step : definition.splits) steps.push_back(to_json(step));
  steps.push_back(last);
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

/// The pieces of a template, and the special tokens it names.
struct TemplateJson {
  Json single = Json::array(), pair = Json::array(), tokens = Json::object();

  void add_token(TokenId id, const std::string& content, int type_id) {
    const Json piece = {{"SpecialToken", {{"id", content}, {"type_id", type_id}}}};
    if (type_id == 0) single.push_back(piece);
    pair.push_back(piece);
    tokens[content] = {{"id", content}, {"ids", {id}}, {"tokens", {content}}};
  }
  void add_sequence(const char* name, int type_id) {
    const Json piece = {{"Sequence", {{"id", name}, {"type_id", type_id}}}};
    if (type_id == 0) single.push_back(piece);
    pair.push_back(piece);
  }
};

Json post_processor(const TokenizerDefinition& definition) {
  const Json byte_step = byte_level(definition.add_prefix_space, true);
  if (definition.prefix_ids.empty() && definition.suffix_ids.empty()) return byte_step;
  std::map<TokenId, std::string> content;
  for (const auto& [token, id] : definition.vocab) content[id] = token;
  for (const AddedToken& token : definition.added_tokens) content[token.id] = token.content;
  TemplateJson made;
  for (int sequence = 0; sequence < 2; ++sequence) {
    for (const TokenId id : definition.prefix_ids) made.add_token(id, content[id], sequence);
    made.add_sequence(sequence == 0 ? "A" : "B", sequence);
    for (const TokenId id : definition.suffix_ids) made.add_token(id, content[id], sequence);
  }
  const Json around = {{"type", "TemplateProcessing"},
                       {"single", made.single},
                       {"pair", made.pair},
                       {"special_tokens", made.tokens}};
  return {{"type", "Sequence"}, {"processors", {byte_step, around}}};
}

/// Feeds values to a hash with their lengths, so that no two lists of values feed the same bytes.
class MeaningHash {
 public:
  MeaningHash& operator<<(std::string_view text) {
    *this << static_cast<int64_t>(text.size());
    sha_.update(text);
    return *this;
  }
  MeaningHash& operator<<(int64_t number) {
    std::string bytes;
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(number >> shift & 0xFF));
    sha_.update(bytes);
    return *this;
  }
  std::string hex_digest() { return sha_.hex_digest(); }

 private:
  Sha256 sha_;
};

}  // namespace

std::string to_tokenizer_json(const TokenizerDefinition& definition) {
  Json vocab = Json::object(), merges = Json::array(), added = Json::array();
  auto& entries = vocab.get_ref<Json::object_t&>();  // pushing past operator[], which searches the whole list
  for (const auto& [token, id] : definition.vocab) entries.push_back({token, id});
  for (const auto& [left, right] : definition.merges) merges.push_back({left, right});
  for (const AddedToken& token : definition.added_tokens) added.push_back(to_json(token));
  const Json document = {{"version", "1.0"},
                         {"truncation", nullptr},
                         {"padding", nullptr},
                         {"added_tokens", added},
                         {"normalizer", definition.nfc ? Json{{"type", "NFC"}} : Json(nullptr)},
                         {"pre_tokenizer", pre_tokenizer(definition)},
                         {"post_processor", post_processor(definition)},
                         {"decoder", byte_level(definition.add_prefix_space, true)},
                         {"model",
                          {{"type", "BPE"},
                           {"dropout", nullptr},
                           {"unk_token", definition.unk_token ? Json(*definition.unk_token) : Json(nullptr)},
                           {"continuing_subword_prefix", nullptr},
                           {"end_of_word_suffix", nullptr},
                           {"fuse_unk", definition.fuse_unk},
                           {"byte_fallback", false},
                           {"ignore_merges", definition.ignore_merges},
                           {"vocab", std::move(vocab)},
                           {"merges", std::move(merges)}}}};
  return document.dump(2) + "\n";
}

std::string hash_of(const TokenizerDefinition& definition) {
  MeaningHash hash;
  hash << "rlhf tokenizer 1";
  std::map<TokenId, std::string_view> tokens;  // an added token counts once, in the model's vocabulary or not
  for (const auto& [token, id] : definition.vocab) tokens[id] = token;
  for (const AddedToken& token : definition.added_tokens) tokens[token.id] = token.content;
  hash << static_cast<int64_t>(tokens.size());
  for (const auto& [id, token] : tokens) hash << id << token;
  hash << static_cast<int64_t>(definition.merges.size());
  for (const auto& [left, right] : definition.merges) hash << left << right;
  hash << static_cast<int64_t>(definition.added_tokens.size());
  for (const AddedToken& token : definition.added_tokens) {
    hash << token.id << token.single_word << token.lstrip << token.rstrip << token.normalized
         << token.special;
  }
  hash << definition.nfc << static_cast<int64_t>(definition.splits.size());
  for (const SplitStep& step : definition.splits) {
    hash << static_cast<int64_t>(step.kind) << step.pattern << static_cast<int64_t>(step.behavior)
         << step.invert;
  }
  hash << definition.add_prefix_space << definition.gpt2_words;
  for (const auto* ids : {&definition.prefix_ids, &definition.suffix_ids}) {
    hash << static_cast<int64_t>(ids->size());
    for (const TokenId id : *ids) hash << id;
  }
  hash << definition.ignore_merges << definition.unk_token.value_or("") << definition.fuse_unk;
  return hash.hex_digest();
}

}  // namespace rlhf
