#include "text/tokenizer.h"

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/byte_alphabet.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer_definition.h"

namespace rlhf {
namespace {

using Ids = std::vector<TokenId>;
using Json = nlohmann::json;

/// A tokenizer of the bytes a, b, c and the merges ab, abc; everything else has no token.
Json small() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
              "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
              "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4}, "merges": [["a", "b"], ["ab", "c"]]}})");
}

Json added(TokenId id, const std::string& content) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

Tokenizer from(const Json& json) {
  return Tokenizer::from_json(json.dump(), "t.json");
}

std::string error_of(const Json& json) {
  try {
    from(json);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

void check_refused(const std::string& pointer, const Json& value, const std::string& expected) {
  Json json = small();
  json[Json::json_pointer(pointer)] = value;
  const std::string error = error_of(json);
  INFO(pointer << " = " << value.dump() << " gave: " << error);
  CHECK(error.find(expected) != std::string::npos);
  CHECK(error.rfind("t.json", 0) == 0);
}

TEST_CASE("other kinds of tokenizer are refused by name") {
  check_refused("/model/type", "Unigram", "Unigram is not supported");
  check_refused("/model/type", "WordPiece", "WordPiece is not supported");
  check_refused("/model/byte_fallback", true, "SentencePiece");
  check_refused("/model/end_of_word_suffix", "</w>", "end_of_word_suffix");
  check_refused("/model/dropout", 0.1, "dropout");
  check_refused("/pre_tokenizer", {{"type", "Metaspace"}}, "Metaspace is not supported");
  check_refused("/pre_tokenizer", nullptr, "no ByteLevel");
  check_refused("/pre_tokenizer", {{"type", "Digits"}}, "no ByteLevel");
  check_refused("/normalizer", {{"type", "NFKC"}}, "NFKC is not supported");
  check_refused("/post_processor", {{"type", "BertProcessing"}}, "BertProcessing is not supported");
  check_refused("/decoder", {{"type", "WordPiece"}}, "WordPiece is not supported");
  check_refused("/version", "2.0", "version");
}

TEST_CASE("a malformed vocabulary, merge or added token is refused with its place") {
  check_refused("/model/vocab/b", 0, "both have id 0");
  check_refused("/model/vocab/b", -1, "token id");
  check_refused("/model/vocab/b", 2147483647, "token id");
  check_refused("/model/vocab/b", 1.5, "token id");
  check_refused("/model/vocab/b", "1", "token id");
  check_refused("/model/vocab", Json::array(), "vocab: must be an object");
  check_refused("/model/merges/1", {"ab", "x"}, "merges[1]: names \"x\"");
  check_refused("/model/merges/1", {"b", "c"}, "merges[1]: names \"bc\"");
  check_refused("/model/merges/1", "ab c d", "one space");
  check_refused("/model/merges/1", {"a", "b", "c"}, "two tokens");
  check_refused("/model/merges/1", 7, "must be a string");
  check_refused("/model/unk_token", "?", "not in the vocabulary");
  check_refused("/added_tokens", Json::array({added(9, "<x>")}), "next free id is 5");
  check_refused("/added_tokens", Json::array({added(9, "ab")}), "vocabulary gives it 3");
  check_refused("/added_tokens", {added(5, "<x>"), added(5, "<x>")}, "listed twice");
  check_refused("/added_tokens", Json::array({added(5, "")}), "empty");
  check_refused("/added_tokens", {added(5, "<x>"), added(5, "<y>")}, "next free id is 6");
}

TEST_CASE("a split pattern that does not compile is refused") {
  Json json = small();
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}, {"invert", false}};
  json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, small()["pre_tokenizer"]}}};
  CHECK(error_of(json).find("\"(a\" does not compile") != std::string::npos);
}

TEST_CASE("bytes without a token are dropped and counted, or stand as unk_token") {
  const Tokenizer plain = from(small());
  const Encoding encoding = plain.encode_with_offsets("abxc");
  CHECK(encoding.ids == Ids{4});  // the merge reaches across the dropped x, as in Hugging Face tokenizers
  CHECK(encoding.dropped_bytes == 1);
  CHECK(encoding.spans == std::vector<ByteSpan>{{0, 4}});
  plain.encode("\xF0\x9F\x98\x80");
  CHECK(plain.dropped_bytes() == 5);

  Json json = small();
  json["model"]["vocab"]["?"] = 5;
  json["model"]["unk_token"] = "?";
  CHECK(from(json).encode("abxxc") == Ids{3, 5, 5, 2});
  CHECK(from(json).dropped_bytes() == 0);
  json["model"]["fuse_unk"] = true;
  const Encoding fused = from(json).encode_with_offsets("abxxc");
  CHECK(fused.ids == Ids{3, 5, 2});
  CHECK(fused.spans == std::vector<ByteSpan>{{0, 2}, {2, 4}, {4, 5}});
}

TEST_CASE("text that is not UTF-8 is refused, with the place") {
  const Tokenizer tokenizer = from(small());
  for (const std::string text : {"ab\xFF", "\xC0\x80", "\xED\xA0\x80", "a\xE2\x82"}) {
    CHECK_THROWS_AS(tokenizer.encode(text), UserError);
  }
  CHECK_THROWS_WITH(tokenizer.encode("ab\xFF"), test::contains("byte 2"));
}

TEST_CASE("ignore_merges emits a word that is a token whole") {
  Json json = small();
  json["model"]["vocab"]["cb"] = 5;
  CHECK(from(json).encode("cb") == Ids{2, 1});
  json["model"]["ignore_merges"] = true;
  CHECK(from(json).encode("cb") == Ids{5});
  CHECK(from(json).encode("cba") == Ids{2, 1, 0});
}

TEST_CASE("a merge listed twice counts by its last rank") {
  Json json = small();
  json["model"]["vocab"]["bc"] = 5;
  json["model"]["merges"] = Json::array({"a b", "b c", "a b"});
  CHECK(from(json).encode("abc") == Ids{0, 5});
}

TEST_CASE("the post-processor's tokens stand around the text with empty spans") {
  Json json = small();
  json["added_tokens"] = {added(5, "<s>"), added(6, "</s>")};
  json["post_processor"] = Json::parse(R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
    {"type": "TemplateProcessing", "pair": [],
     "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "</s>", "type_id": 0}}],
     "special_tokens": {"<s>": {"id": "<s>", "ids": [5], "tokens": ["<s>"]},
                        "</s>": {"id": "</s>", "ids": [6], "tokens": ["</s>"]}}}]})");
  const Encoding encoding = from(json).encode_with_offsets("abc");
  CHECK(encoding.ids == Ids{5, 4, 6});
  CHECK(encoding.spans == std::vector<ByteSpan>{{0, 0}, {0, 3}, {3, 3}});
  CHECK(from(json).encode("abc", {false}) == Ids{4});

  json["post_processor"]["processors"][1]["special_tokens"]["<s>"]["ids"] = {99};
  CHECK(error_of(json).find("id 99, which no token has") != std::string::npos);
  json["post_processor"]["processors"][1]["single"] = Json::array();
  CHECK(error_of(json).find("must hold sequence A") != std::string::npos);
}

TEST_CASE("spans lead back through normalization") {
  Json json = small();
  json["normalizer"] = {{"type", "NFC"}};
  json["model"]["vocab"] = {{"a", 0}, {"Ã", 1}, {"©", 2}, {"b", 3}, {"Ã©", 4}};
  json["model"]["merges"] = Json::array();
  // a, e + combining acute (3 bytes, one character of 2 bytes when normalized, two tokens), b
  const Encoding encoding = from(json).encode_with_offsets(
      "ae\xCC\x81"
      "b");
  CHECK(encoding.ids == Ids{0, 1, 2, 3});
  CHECK(encoding.spans == std::vector<ByteSpan>{{0, 1}, {1, 4}, {1, 4}, {4, 5}});
}

TEST_CASE("ids that no token has decode to nothing") {
  const Tokenizer tokenizer = from(small());
  CHECK(tokenizer.decode({0, 77, -1, 3}) == "aab");
  CHECK(tokenizer.id_to_token(77).empty());
  CHECK(tokenizer.vocab_size() == 5);
  CHECK(tokenizer.token_to_id("abc") == TokenId{4});
  CHECK_FALSE(tokenizer.token_to_id("abcd"));
}

TEST_CASE("special tokens are left out on demand, and an added token means its text") {
  Json json = small();
  json["added_tokens"] = {added(5, "<x>"), added(6, "\xC3\xA9")};
  const Tokenizer tokenizer = from(json);
  CHECK(tokenizer.encode("a<x>\xC3\xA9") == Ids{0, 5, 6});
  CHECK(tokenizer.decode({0, 5, 1}) == "ab");
  CHECK(tokenizer.decode({0, 5, 6}, false) == "a<x>\xC3\xA9");
  StreamingDecoder streaming(tokenizer);
  CHECK(streaming.push(0) + streaming.push(5) + streaming.push(1) == "ab");
}

TEST_CASE("a character cut by the end of the ids becomes one U+FFFD") {
  const Tokenizer tokenizer = Tokenizer::load(test::fixture("text/gpt2.json"));
  const TokenId first = *tokenizer.token_to_id(byte_alphabet()[0xE2]);
  const TokenId second = *tokenizer.token_to_id(byte_alphabet()[0x82]);
  const TokenId third = *tokenizer.token_to_id(byte_alphabet()[0xAC]);
  StreamingDecoder streaming(tokenizer);
  CHECK(streaming.push(first).empty());
  CHECK(streaming.push(second).empty());
  CHECK(streaming.push(third) == "€");
  CHECK(streaming.push(first).empty());
  CHECK(streaming.push(second).empty());
  CHECK(streaming.finish() == "\xEF\xBF\xBD");
  CHECK(streaming.finish().empty());
  CHECK(tokenizer.decode({first, second, first, second, third}) == "\xEF\xBF\xBD€");
}

TEST_CASE("one tokenizer spelled in two ways has one hash, another tokenizer has another") {
  const std::string hash = from(small()).hash();
  Json same = small();
  same["model"]["merges"] = {"a b", "ab c"};
  same["pre_tokenizer"] = {{"type", "Sequence"},
                           {"pretokenizers", {{{"type", "ByteLevel"}, {"add_prefix_space", false}}}}};
  same["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array()}};
  same["post_processor"] = {{"type", "ByteLevel"}, {"trim_offsets", false}};
  same["truncation"] = {{"max_length", 5}};
  CHECK(from(same).hash() == hash);

  const auto changed = [&](const std::string& pointer, const Json& value) {
    Json json = small();
    json[Json::json_pointer(pointer)] = value;
    return from(json).hash() != hash;
  };
  CHECK(changed("/model/merges", {"ab c", "a b"}));
  CHECK(changed("/model/vocab/d", 5));
  CHECK(changed("/model/ignore_merges", true));
  CHECK(changed("/normalizer", {{"type", "NFC"}}));
  CHECK(changed("/pre_tokenizer/add_prefix_space", true));
  CHECK(changed("/pre_tokenizer/use_regex", false));
  CHECK(changed("/added_tokens", Json::array({added(5, "<x>")})));
}

TEST_CASE("what we write is read back as the same tokenizer") {
  for (const std::string style : {"gpt2", "llama3", "qwen2", "smollm", "neox", "roberta", "regex"}) {
    const std::string bytes = test::read_file(test::fixture("text/" + style + ".json"));
    const TokenizerDefinition definition = parse_tokenizer_json(bytes, style);
    const TokenizerDefinition again = parse_tokenizer_json(to_tokenizer_json(definition), style + " again");
    CHECK(hash_of(again) == hash_of(definition));
    CHECK(again.vocab == definition.vocab);
    CHECK(again.merges == definition.merges);
    CHECK(again.added_tokens == definition.added_tokens);
    CHECK(again.splits == definition.splits);
  }
}

}  // namespace
}  // namespace rlhf
