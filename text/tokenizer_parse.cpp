#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "text/json_field.h"
#include "text/tokenizer_definition.h"

namespace rlhf {

namespace {

using Vocab = std::unordered_map<std::string, TokenId>;

void parse_normalizer(const JsonField& field, TokenizerDefinition& out) {
  if (field.is_null()) return;
  const std::string type = field.at("type").text();
  if (type == "NFC") {
    out.nfc = true;
  } else if (type == "Sequence") {
    for (const JsonField& item : field.at("normalizers").items()) parse_normalizer(item, out);
  } else {
    field.fail("the normalizer " + type + " is not supported; NFC and Sequence are");
  }
}

SplitBehavior parse_behavior(const JsonField& field) {
  const std::string name = field.text();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  field.fail("unknown split behavior \"" + name + "\"");
}

SplitStep parse_split(const JsonField& field) {
  SplitStep step;
  const JsonField pattern = field.at("pattern");
  if (pattern.has("Regex")) {
    step.pattern = pattern.at("Regex").text();
  } else {
    step.kind = SplitStep::Kind::kLiteral;
    step.pattern = pattern.at("String").text();
  }
  step.behavior = parse_behavior(field.at("behavior"));
  step.invert = field.boolean_or("invert", false);
  return step;
}

SplitStep parse_digits(const JsonField& field) {
  SplitStep step;
  step.kind = SplitStep::Kind::kDigits;
  const bool individual = field.boolean_or("individual_digits", false);
  step.behavior = individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous;
  return step;
}

/// Sequences are flattened; the byte level must come last and once. Returns whether it has been seen.
bool parse_pre_tokenizer(const JsonField& field, TokenizerDefinition& out, bool byte_level_seen) {
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    for (const JsonField& item : field.at("pretokenizers").items()) {
      byte_level_seen = parse_pre_tokenizer(item, out, byte_level_seen);
    }
    return byte_level_seen;
  }
  if (byte_level_seen) field.fail(type + " after ByteLevel is not supported");
  if (type == "ByteLevel") {
    out.add_prefix_space = field.boolean_or("add_prefix_space", true);
    out.gpt2_words = field.boolean_or("use_regex", true);
    return true;
  }
  if (type == "Split") {
    out.splits.push_back(parse_split(field));
  } else if (type == "Digits") {
    out.splits.push_back(parse_digits(field));
  } else {
    field.fail("the pre-tokenizer " + type + " is not supported; ByteLevel, Split, Digits and Sequence are");
  }
  return false;
}

/// A template around one sequence: ids before it, ids after it.
void parse_template(const JsonField& field, TokenizerDefinition& out) {
  std::vector<TokenId> prefix, suffix;
  bool sequence_seen = false;
  for (const JsonField& piece : field.at("single").items()) {
    if (piece.has("Sequence")) {
      const std::string id = piece.at("Sequence").at("id").text();
      if (id != "A" || sequence_seen) piece.fail("a template for one sequence must hold sequence A once");
      sequence_seen = true;
      continue;
    }
    const std::string name = piece.at("SpecialToken").at("id").text();
    auto& ids = sequence_seen ? suffix : prefix;
    for (const JsonField& id : field.at("special_tokens").at(name).at("ids").items())
      ids.push_back(id.token_id());
  }
  if (!sequence_seen) field.fail("\"single\" must hold sequence A");
  out.prefix_ids.insert(out.prefix_ids.begin(), prefix.begin(), prefix.end());
  out.suffix_ids.insert(out.suffix_ids.end(), suffix.begin(), suffix.end());
}

void parse_post_processor(const JsonField& field, TokenizerDefinition& out) {
  if (field.is_null()) return;
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    for (const JsonField& item : field.at("processors").items()) parse_post_processor(item, out);
  } else if (type == "TemplateProcessing") {
    parse_template(field, out);
  } else if (type != "ByteLevel") {  // which trims offsets only
    field.fail("the post-processor " + type +
               " is not supported; ByteLevel, TemplateProcessing and Sequence are");
  }
}

void check_decoder(const JsonField& field) {
  if (field.is_null()) return;
  const std::string type = field.at("type").text();
  if (type == "Sequence") {
    for (const JsonField& item : field.at("decoders").items()) check_decoder(item);
  } else if (type != "ByteLevel") {
    field.fail("the decoder " + type + " is not supported; ByteLevel is");
  }
}

void check_model_kind(const JsonField& model) {
  const bool bpe = model.has("type") ? model.at("type").text() == "BPE" : model.has("merges");
  if (!bpe) {
    const std::string type = model.text_or("type", "unnamed");
    model.fail("the model " + type + " is not supported; only byte-level BPE is");
  }
  if (model.boolean_or("byte_fallback", false)) {
    model.fail("byte_fallback (a SentencePiece tokenizer) is not supported; only byte-level BPE is");
  }
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model.text_or(key, "").empty())
      model.fail(std::string(key) + " is not supported; byte-level BPE has none");
  }
  const JsonField dropout = model.get("dropout");
  if (!dropout.is_null() && !(dropout.value().is_number() && dropout.value() == 0)) {
    dropout.fail("merge dropout is not supported; set it to null");
  }
}

Vocab parse_vocab(const JsonField& field, TokenizerDefinition& out) {
  if (!field.value().is_object()) field.fail("must be an object of tokens and ids");
  Vocab vocab;
  vocab.reserve(field.value().size());
  std::unordered_map<TokenId, const std::string*> owner;
  owner.reserve(field.value().size());
  for (const auto& [token, id_value] : field.value().items()) {
    const TokenId id = field.member(id_value, "\"" + token + "\"").token_id();
    const auto [entry, fresh] = vocab.emplace(token, id);
    const auto [other, unowned] = owner.emplace(id, &entry->first);
    if (!unowned)
      field.fail("\"" + *other->second + "\" and \"" + token + "\" both have id " + std::to_string(id));
    out.vocab.emplace_back(token, id);
  }
  std::sort(out.vocab.begin(), out.vocab.end(),
            [](const auto& a, const auto& b) { return a.second < b.second; });
  return vocab;
}

std::pair<std::string, std::string> parse_merge(const JsonField& field) {
  if (field.value().is_array()) {
    const auto parts = field.items();
    if (parts.size() != 2) field.fail("a merge names two tokens");
    return {parts[0].text(), parts[1].text()};
  }
  const std::string line = field.text();
  const size_t space = line.find(' ');
  if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos) {
    field.fail("a merge names two tokens with one space between them, this is \"" + line + "\"");
  }
  return {line.substr(0, space), line.substr(space + 1)};
}

void parse_merges(const JsonField& field, const Vocab& vocab, TokenizerDefinition& out) {
  out.merges.reserve(field.value().size());
  for (const JsonField& item : field.items()) {
    auto merge = parse_merge(item);
    for (const std::string& token : {merge.first, merge.second, merge.first + merge.second}) {
      if (!vocab.contains(token)) item.fail("names \"" + token + "\", which is not in the vocabulary");
    }
    out.merges.push_back(std::move(merge));
  }
}

AddedToken parse_added_token(const JsonField& field) {
  AddedToken token;
  token.id = field.at("id").token_id();
  token.content = field.at("content").text();
  token.special = field.boolean_or("special", false);
  token.single_word = field.boolean_or("single_word", false);
  token.lstrip = field.boolean_or("lstrip", false);
  token.rstrip = field.boolean_or("rstrip", false);
  token.normalized = field.boolean_or("normalized", !token.special);
  if (token.content.empty()) field.fail("the content is empty");
  return token;
}

/// An added token that the vocabulary lacks must have the id Hugging Face tokenizers would give it: the next
/// free one.
void check_added_id(const AddedToken& token, const Vocab& vocab, TokenId next_id, const JsonField& field) {
  const auto known = vocab.find(token.content);
  const TokenId expected = known == vocab.end() ? next_id : known->second;
  if (token.id == expected) return;
  field.fail("\"" + token.content + "\" has id " + std::to_string(token.id) +
             (known == vocab.end() ? ", but the next free id is " : ", but the vocabulary gives it ") +
             std::to_string(expected));
}

void parse_added_tokens(const JsonField& field, const Vocab& vocab, TokenizerDefinition& out) {
  if (field.is_null()) return;
  std::unordered_set<std::string> seen;
  auto next_id = static_cast<TokenId>(vocab.size());
  std::unordered_set<TokenId> taken;
  for (const auto& [token, id] : out.vocab) taken.insert(id);
  for (const JsonField& item : field.items()) {
    const AddedToken token = parse_added_token(item);
    if (!seen.insert(token.content).second) item.fail("\"" + token.content + "\" is listed twice");
    check_added_id(token, vocab, next_id, item);
    if (!vocab.contains(token.content)) {
      ++next_id;
      if (!taken.insert(token.id).second) item.fail("id " + std::to_string(token.id) + " is taken");
    }
    out.added_tokens.push_back(token);
  }
  std::sort(out.added_tokens.begin(), out.added_tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

void check_ids_known(const TokenizerDefinition& definition, const JsonField& field) {
  std::unordered_set<TokenId> known;
  for (const auto& [token, id] : definition.vocab) known.insert(id);
  for (const AddedToken& token : definition.added_tokens) known.insert(token.id);
  for (const auto* ids : {&definition.prefix_ids, &definition.suffix_ids}) {
    for (const TokenId id : *ids) {
      if (!known.contains(id)) field.fail("puts id " + std::to_string(id) + ", which no token has");
    }
  }
}

}  // namespace

TokenizerDefinition parse_tokenizer_json(std::string_view bytes, std::string_view name) {
  const nlohmann::json document = JsonField::parse(bytes, std::string(name));
  const JsonField root(document, std::string(name));
  TokenizerDefinition out;
  const JsonField model = root.at("model");
  check_model_kind(model);
  if (const std::string version = root.text_or("version", "1.0"); version != "1.0") {
    root.fail("version \"" + version + "\" is not known; 1.0 is");
  }
  parse_normalizer(root.get("normalizer"), out);
  const JsonField pre_tokenizer = root.get("pre_tokenizer");
  if (pre_tokenizer.is_null() || !parse_pre_tokenizer(pre_tokenizer, out, false)) {
    pre_tokenizer.fail("has no ByteLevel; only byte-level BPE is supported (not SentencePiece and its kin)");
  }
  check_decoder(root.get("decoder"));

  const Vocab vocab = parse_vocab(model.at("vocab"), out);
  parse_merges(model.at("merges"), vocab, out);
  out.ignore_merges = model.boolean_or("ignore_merges", false);
  out.fuse_unk = model.boolean_or("fuse_unk", false);
  if (const JsonField unk = model.get("unk_token"); !unk.is_null()) {
    if (!vocab.contains(unk.text())) unk.fail("\"" + unk.text() + "\" is not in the vocabulary");
    out.unk_token = unk.text();
  }
  parse_added_tokens(root.get("added_tokens"), vocab, out);
  parse_post_processor(root.get("post_processor"), out);
  check_ids_known(out, root.get("post_processor"));
  return out;
}

}  // namespace rlhf
