#include "text/bpe_trainer.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "text/byte_alphabet.h"
#include "text/json_field.h"
#include "text/pair_merger.h"
#include "text/utf8.h"

namespace rlhf {

namespace {

AddedToken special_token(TokenId id, const std::string& content) {
  AddedToken token;
  token.id = id;
  token.content = content;
  token.special = true;
  return token;
}

/// Checks the options; everything but vocabulary and merges follows from them.
TokenizerDefinition definition_for(const BpeTrainingOptions& options) {
  const auto fixed = static_cast<TokenId>(options.special_tokens.size() + 256);
  if (options.vocab_size < fixed || options.vocab_size > kMaxTokenId) {
    throw UserError("a vocabulary of " + std::to_string(options.vocab_size) +
                    " cannot hold the 256 bytes and " + std::to_string(options.special_tokens.size()) +
                    " special tokens; give --vocab_size from " + std::to_string(fixed) + " to " +
                    std::to_string(kMaxTokenId));
  }
  TokenizerDefinition definition;
  auto& added = definition.added_tokens;
  for (const std::string& content : options.special_tokens) {
    const bool twice =
        std::any_of(added.begin(), added.end(), [&](const auto& a) { return a.content == content; });
    if (content.empty()) throw UserError("a special token is empty");
    if (twice) throw UserError("the special token \"" + content + "\" is listed twice");
    if (find_invalid_utf8(content) != std::string::npos)
      throw UserError("a special token is not valid UTF-8");
    added.push_back(special_token(static_cast<TokenId>(added.size()), content));
  }
  if (options.digits) {
    SplitStep digits;
    digits.kind = SplitStep::Kind::kDigits;
    definition.splits.push_back(digits);
  }
  return definition;
}

/// Tokens by id while they are being made, and ids by token.
class GrowingVocab {
 public:
  /// The id of a token, new if it has none.
  TokenId id_of(const std::string& token) {
    const auto [entry, fresh] = ids_.emplace(token, static_cast<TokenId>(tokens_.size()));
    if (fresh) tokens_.push_back(token);
    return entry->second;
  }
  const std::string& token(TokenId id) const { return tokens_[static_cast<size_t>(id)]; }
  TokenId size() const { return static_cast<TokenId>(tokens_.size()); }

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, TokenId> ids_;
};

/// A pair merged twice, through a token that two merges spell, counts by its last place.
std::vector<std::pair<std::string, std::string>> spelled(const std::vector<PairMerger::Pair>& merges,
                                                         const GrowingVocab& vocab) {
  std::map<PairMerger::Pair, size_t> last;
  for (size_t i = 0; i < merges.size(); ++i) last[merges[i]] = i;
  std::vector<std::pair<std::string, std::string>> result;
  for (size_t i = 0; i < merges.size(); ++i) {
    if (last[merges[i]] == i)
      result.emplace_back(vocab.token(merges[i].first), vocab.token(merges[i].second));
  }
  return result;
}

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainingOptions options)
    : options_(std::move(options)), definition_(definition_for(options_)), pre_tokenizer_(definition_) {}

void BpeTrainer::add(std::string_view text) {
  if (const size_t invalid = find_invalid_utf8(text); invalid != std::string_view::npos) {
    throw UserError("not valid UTF-8 at byte " + std::to_string(invalid));
  }
  std::vector<PreTokenizer::Word> words;
  pre_tokenizer_.split(text, words);
  for (const auto& word : words) ++word_counts_[std::string(text.substr(word.begin, word.end - word.begin))];
}

TokenizerDefinition BpeTrainer::train() const {
  GrowingVocab vocab;
  for (const std::string& special : options_.special_tokens) vocab.id_of(special);
  std::array<TokenId, 256> byte_ids{};
  for (const unsigned char byte : bytes_in_alphabet_order())
    byte_ids[byte] = vocab.id_of(byte_alphabet()[byte]);

  PairMerger merger;
  std::vector<TokenId> tokens;
  for (const auto& [word, count] : word_counts_) {
    tokens.clear();
    for (const char byte : word) tokens.push_back(byte_ids[static_cast<unsigned char>(byte)]);
    merger.add_word(tokens, count);
  }
  merger.count_pairs();

  std::vector<PairMerger::Pair> merges;
  const int64_t floor = std::max<int64_t>(options_.min_frequency, 1);
  while (vocab.size() < options_.vocab_size) {
    const auto best = merger.pop();
    if (best.count < floor) break;
    const TokenId merged = vocab.id_of(vocab.token(best.pair.first) + vocab.token(best.pair.second));
    merges.push_back(best.pair);
    merger.merge(best, merged);
  }

  TokenizerDefinition trained = definition_;
  for (TokenId id = 0; id < vocab.size(); ++id) trained.vocab.emplace_back(vocab.token(id), id);
  trained.merges = spelled(merges, vocab);
  return trained;
}

std::map<std::string, std::string> tokenizer_files(const TokenizerDefinition& definition,
                                                   const SpecialRoles& roles) {
  nlohmann::ordered_json config, map = nlohmann::ordered_json::object();
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  config["clean_up_tokenization_spaces"] = false;
  config["model_max_length"] =
      1000000000000000019884624838656.0;  // transformers' way to say that there is no limit
  for (const auto& [role, token] :
       {std::pair{"bos_token", roles.bos}, {"eos_token", roles.eos}, {"pad_token", roles.pad}}) {
    if (!token.empty()) config[role] = map[role] = token;
  }
  return {{"tokenizer.json", to_tokenizer_json(definition)},
          {"tokenizer_config.json", config.dump(2) + "\n"},
          {"special_tokens_map.json", map.dump(2) + "\n"}};
}

}  // namespace rlhf
