#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/streaming_decoder.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace rlhf {
namespace {

using Ids = std::vector<TokenId>;

/// Tokenizers in the style of each family, with ids made by Hugging Face tokenizers: see
/// tests/parity/make_tokenizer_fixtures.py.
struct Fixture {
  explicit Fixture(const std::string& style)
      : tokenizer(Tokenizer::load(test::fixture("text/" + style + ".json"))),
        expected(nlohmann::json::parse(test::read_file(test::fixture("text/" + style + ".ids.json")))),
        texts(nlohmann::json::parse(test::read_file(test::fixture("text/texts.json")))
                  .get<std::vector<std::string>>()) {}

  Tokenizer tokenizer;
  nlohmann::json expected;
  std::vector<std::string> texts;
};

const std::vector<std::string> kStyles = {"gpt2", "llama3", "qwen2", "smollm", "neox", "roberta", "regex"};

TEST_CASE("ids equal those of Hugging Face tokenizers") {
  for (const std::string& style : kStyles) {
    const Fixture fixture(style);
    REQUIRE(fixture.texts.size() > 100);
    for (size_t i = 0; i < fixture.texts.size(); ++i) {
      INFO(style << " text " << i << ": " << fixture.texts[i]);
      CHECK(fixture.tokenizer.encode(fixture.texts[i]) == fixture.expected["ids"][i].get<Ids>());
      CHECK(fixture.tokenizer.encode(fixture.texts[i], {false}) ==
            fixture.expected["plain_ids"][i].get<Ids>());
    }
  }
}

TEST_CASE("decoding equals that of Hugging Face tokenizers") {
  for (const std::string& style : kStyles) {
    const Fixture fixture(style);
    for (size_t i = 0; i < fixture.texts.size(); ++i) {
      INFO(style << " text " << i);
      const auto ids = fixture.expected["plain_ids"][i].get<Ids>();
      CHECK(fixture.tokenizer.decode(ids, false) == fixture.expected["decoded"][i].get<std::string>());
    }
  }
}

TEST_CASE("spans are in order, cover the text and agree with the ids of encode") {
  for (const std::string& style : kStyles) {
    const Fixture fixture(style);
    for (const std::string& text : fixture.texts) {
      const Encoding encoding = fixture.tokenizer.encode_with_offsets(text, {false});
      INFO(style << ": " << text);
      CHECK(encoding.ids == fixture.tokenizer.encode(text, {false}));
      REQUIRE(encoding.spans.size() == encoding.ids.size());
      size_t covered = 0;
      for (const ByteSpan& span : encoding.spans) {
        CHECK(span.begin <= covered);  // no gap; tokens within one normalized character overlap
        CHECK(span.end >= span.begin);
        covered = std::max(covered, span.end);
      }
      CHECK(covered == text.size());
    }
  }
}

TEST_CASE("a token's span holds exactly its bytes where nothing is normalized") {
  const Fixture fixture("gpt2");
  for (const std::string& text : fixture.texts) {
    const Encoding encoding = fixture.tokenizer.encode_with_offsets(text);
    for (size_t i = 0; i < encoding.ids.size(); ++i) {
      const ByteSpan span = encoding.spans[i];
      CHECK(text.substr(span.begin, span.end - span.begin) == fixture.tokenizer.token_bytes(encoding.ids[i]));
    }
  }
}

TEST_CASE("streaming gives valid UTF-8 at every step and the whole text in the end") {
  for (const std::string& style : kStyles) {
    const Fixture fixture(style);
    StreamingDecoder decoder(fixture.tokenizer, false);
    for (size_t i = 0; i < fixture.texts.size(); ++i) {
      const auto ids = fixture.expected["plain_ids"][i].get<Ids>();
      std::string streamed;
      for (const TokenId id : ids) {
        const std::string piece = decoder.push(id);
        CHECK(find_invalid_utf8(piece) == std::string::npos);
        streamed += piece;
      }
      streamed += decoder.finish();
      CHECK(streamed == fixture.tokenizer.decode(ids, false));
    }
  }
}

TEST_CASE("a batch gives the same ids whatever the number of threads") {
  const Fixture fixture("llama3");
  std::vector<std::vector<TokenId>> one_by_one;
  for (const std::string& text : fixture.texts) one_by_one.push_back(fixture.tokenizer.encode(text));
  for (const int threads : {1, 2, 5})
    CHECK(fixture.tokenizer.encode_batch(fixture.texts, {}, threads) == one_by_one);
}

}  // namespace
}  // namespace rlhf
