#include <random>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

/// Small enough that hundreds of mutations load in a second, with every kind of part.
const char* const kEverything = R"({
  "version": "1.0",
  "added_tokens": [
    {"id": 7, "content": "<s>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true},
    {"id": 8, "content": "WORD", "single_word": true, "lstrip": false, "rstrip": true, "normalized": true, "special": false}],
  "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
  "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
    {"type": "Split", "pattern": {"Regex": "\\p{L}+|\\s+(?!\\S)|[^\\s\\p{N}]{1,3}"}, "behavior": "Isolated", "invert": false},
    {"type": "Split", "pattern": {"String": "-"}, "behavior": "MergedWithNext", "invert": true},
    {"type": "Digits", "individual_digits": false},
    {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}]},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [7], "tokens": ["<s>"]}}},
  "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "dropout": null, "unk_token": "?", "continuing_subword_prefix": "", "end_of_word_suffix": "",
    "fuse_unk": true, "byte_fallback": false, "ignore_merges": true,
    "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3, "Ġab": 4, "?": 5, "Ã": 6}, "merges": ["a b", ["Ġ", "ab"]]}})";

const char* const kText = "ab <s> WORD e\xCC\x81 12-b\n\nab\xC3\xA9 aaabab";

/// Loads and uses what loads; nothing but UserError may come out.
void survive(const std::string& bytes) {
  try {
    const Tokenizer tokenizer = Tokenizer::from_json(bytes, "mutated");
    const Encoding encoding = tokenizer.encode_with_offsets(kText);
    CHECK(encoding.spans.size() == encoding.ids.size());
    for (const ByteSpan& span : encoding.spans)
      CHECK((span.begin <= span.end && span.end <= std::string(kText).size()));
    tokenizer.decode(encoding.ids);
  } catch (const UserError&) {
  }
}

TEST_CASE("the tokenizer that is mutated is good to begin with") {
  const Tokenizer tokenizer = Tokenizer::from_json(kEverything, "whole");
  CHECK(tokenizer.encode("ab<s>") == std::vector<TokenId>{7, 4, 7});
}

TEST_CASE("a tokenizer.json cut anywhere is refused") {
  const std::string whole = kEverything;
  for (size_t length = 0; length < whole.size(); length += 3) {
    CHECK_THROWS_AS(Tokenizer::from_json(whole.substr(0, length), "cut"), UserError);
  }
}

TEST_CASE("a tokenizer.json with changed bytes loads or is refused") {
  std::mt19937 random(1);
  const std::string whole = kEverything;
  const std::string letters = "{}[]\",:0123456789-+.eE\\ntrufalsN()*?|^$pPsS";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = whole;
    for (auto edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t place = random() % bytes.size();
      switch (random() % 4) {
        case 0:
          bytes[place] = static_cast<char>(random() % 256);
          break;
        case 1:
          bytes[place] = letters[random() % letters.size()];
          break;
        case 2:
          bytes.erase(place, 1 + random() % 12);
          break;
        default:
          bytes.insert(place, whole.substr(random() % whole.size(), random() % 40));
      }
    }
    survive(bytes);
  }
}

TEST_CASE("values of the wrong type or out of range, anywhere, are refused or do no harm") {
  const std::string whole = kEverything;
  const std::string values[] = {"null", "true", "-1", "1e30", "99999999999",
                                "\"\"", "[]",   "{}", "[[]]", "\"\\u0000\""};
  for (size_t i = whole.find(": "); i != std::string::npos; i = whole.find(": ", i + 1)) {
    const size_t end = whole.find_first_of(",}]", i);
    for (const std::string& value : values) survive(whole.substr(0, i + 2) + value + whole.substr(end));
  }
}

TEST_CASE("deep nesting is refused or read, not followed to the end of the stack") {
  std::string nested = "{\"type\": \"ByteLevel\"}";
  for (int depth = 0; depth < 2000; ++depth) {
    nested = "{\"type\": \"Sequence\", \"pretokenizers\": [" + nested + "]}";
  }
  const std::string model = R"("model": {"type": "BPE", "vocab": {"a": 0}, "merges": []})";
  survive("{\"pre_tokenizer\": " + nested + ", " + model + "}");
  survive(std::string(100000, '['));
}

TEST_CASE("a pattern that takes forever on a text is given up with an error") {
  std::string whole = kEverything;
  const std::string old = R"(\\p{L}+|\\s+(?!\\S)|[^\\s\\p{N}]{1,3})";
  whole.replace(whole.find(old), old.size(), "(a+)+$");
  const Tokenizer tokenizer = Tokenizer::from_json(whole, "slow");
  CHECK_THROWS_AS(tokenizer.encode(std::string(60, 'a') + "b"), UserError);
}

}  // namespace
}  // namespace rlhf
