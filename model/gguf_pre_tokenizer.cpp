#include "model/gguf_pre_tokenizer.h"

#include <algorithm>
#include <utility>

namespace rlhf {
namespace {

SplitStep digits_one_by_one() {
  SplitStep step;
  step.kind = SplitStep::Kind::kDigits;
  step.behavior = SplitBehavior::kIsolated;
  return step;
}

SplitStep matches_of(const char* pattern) {
  SplitStep step;
  step.pattern = pattern;
  return step;
}

// The tokenizer.json of each model says the same.
constexpr char kLlama3Words[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kQwen2Words[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::vector<GgufPreTokenizer>& table() {
  static const std::vector<GgufPreTokenizer> rows = {
      {.name = "gpt-2"},
      {.name = "smollm", .splits = {digits_one_by_one()}},
      {.name = "llama-bpe",
       .splits = {matches_of(kLlama3Words)},
       .gpt2_words = false,
       .ignore_merges = true,
       .add_bos = true},
      {.name = "qwen2", .nfc = true, .splits = {matches_of(kQwen2Words)}, .gpt2_words = false},
  };
  return rows;
}

constexpr std::pair<const char*, const char*> kSynonyms[] = {
    {"", "gpt-2"}, {"default", "gpt-2"}, {"llama3", "llama-bpe"}, {"llama-v3", "llama-bpe"}};

}  // namespace

const GgufPreTokenizer* find_pre_tokenizer(const std::string& name) {
  std::string known = name;
  for (const auto& [synonym, canonical] : kSynonyms) {
    if (name == synonym) known = canonical;
  }
  const auto found =
      std::find_if(table().begin(), table().end(), [&](const auto& row) { return row.name == known; });
  return found == table().end() ? nullptr : &*found;
}

const GgufPreTokenizer* match_pre_tokenizer(const TokenizerDefinition& definition) {
  for (const GgufPreTokenizer& row : table()) {
    if (row.nfc == definition.nfc && row.splits == definition.splits &&
        row.gpt2_words == definition.gpt2_words && row.ignore_merges == definition.ignore_merges &&
        !definition.add_prefix_space) {
      return &row;
    }
  }
  return nullptr;
}

std::string known_pre_tokenizers() {
  std::string names;
  for (const GgufPreTokenizer& row : table()) names += (names.empty() ? "" : ", ") + row.name;
  return names;
}

}  // namespace rlhf
