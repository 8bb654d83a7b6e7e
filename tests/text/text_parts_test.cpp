#include <sstream>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/regex.h"
#include "text/token_lines.h"
#include "text/utf8.h"
#include "text/word_scanner.h"

namespace rlhf {
namespace {

std::vector<std::string> words_by_hand(WordPattern pattern, const std::string& text) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = word_end(pattern, text, begin);
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::vector<std::string> words_by_regex(WordPattern pattern, const std::string& text) {
  std::vector<std::string> words;
  Regex(std::string(spelling(pattern))).find_all(text, [&](size_t begin, size_t end) {
    words.push_back(text.substr(begin, end - begin));
  });
  return words;
}

TEST_CASE("words found by hand are those of the regex") {
  const std::string alphabet[] = {"a",        "Z",  "é",   "1",    "٣",           "½",        " ",
                                  " ",        "  ", "\n",  "\r\n", "\t",          "'",        "'s",
                                  "'LL",      "'ſ", "'re", "!",    "…",           "\xC2\xA0", "\xE1\xA0\x8E",
                                  "\xCC\x81", "漢", "😀",   "_",    "\xE2\x80\x83"};
  uint32_t state = 1;
  const auto random = [&](uint32_t below) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % below;
  };
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    for (uint32_t length = 1 + random(10); length > 0; --length)
      text += alphabet[random(std::size(alphabet))];
    for (const WordPattern pattern : {WordPattern::kGpt2, WordPattern::kLlama3, WordPattern::kQwen2}) {
      INFO(text);
      CHECK(words_by_hand(pattern, text) == words_by_regex(pattern, text));
    }
  }
}

TEST_CASE("a regex is translated where PCRE2 means something else") {
  CHECK(translate_regex(R"(\s+|[^\s\d])") == R"([\t-\r\x{85}\p{Z}]+|[^\t-\r\x{85}\p{Z}\d])");
  CHECK(translate_regex(R"(\p{Han}\p{L}\p{^Lu}\u4e00)") == R"(\p{sc:Han}\p{L}\p{^Lu}\x{4e00})");
  CHECK(translate_regex(R"([[:alpha:]]\h\S)") == R"([[:alpha:]][0-9A-Fa-f][^\t-\r\x{85}\p{Z}])");
  for (const char* refused :
       {R"([a&&b])", R"([a[b]])", R"([\S])", R"((?m)a)", R"(\)", R"(\k<a>)", R"(\p{L)"}) {
    CHECK_THROWS_AS(Regex(refused), UserError);
  }
}

TEST_CASE("splits treat what a pattern matches as their behavior says") {
  const auto split = [](SplitBehavior behavior, bool invert) {
    TokenizerDefinition definition;
    definition.gpt2_words = false;
    definition.splits.push_back({SplitStep::Kind::kLiteral, "-", behavior, invert});
    const std::string text = "the-final--countdown";
    std::vector<PreTokenizer::Word> words;
    PreTokenizer(definition).split(text, words);
    std::vector<std::string> found;
    for (const auto& word : words) found.push_back(text.substr(word.begin, word.end - word.begin));
    return found;
  };
  using Words = std::vector<std::string>;
  CHECK(split(SplitBehavior::kRemoved, false) == Words{"the", "final", "countdown"});
  CHECK(split(SplitBehavior::kRemoved, true) == Words{"-", "-", "-"});
  CHECK(split(SplitBehavior::kIsolated, false) == Words{"the", "-", "final", "-", "-", "countdown"});
  CHECK(split(SplitBehavior::kMergedWithPrevious, false) == Words{"the-", "final-", "-", "countdown"});
  CHECK(split(SplitBehavior::kMergedWithNext, false) == Words{"the", "-final", "-", "-countdown"});
  CHECK(split(SplitBehavior::kContiguous, false) == Words{"the", "-", "final", "--", "countdown"});
}

TEST_CASE("form C composes, reorders, and leaves what Unicode 9 did not know") {
  CHECK(to_nfc("e\xCC\x81") == "é");
  CHECK(to_nfc("\u1100\u1161\u11A8") == "\uAC01");
  CHECK(to_nfc("a\u0307\u0323") == "\u1EA1\u0307");
  CHECK(to_nfc("\u0958") == "\u0915\u093C");  // a composition exclusion
  CHECK(to_nfc("\u0344") == "\u0308\u0301");
  CHECK(to_nfc("\u212B") == "\u00C5");
  CHECK(to_nfc("q\u0301\u1DF9") == "q\u0301\u1DF9");  // U+1DF9 (Unicode 10) has class 220 and would go first
  CHECK(to_nfc("plain") == "plain");
}

TEST_CASE("normalized text knows where it came from") {
  const std::string source = "xe\xCC\x81y\u1100\u1161z";  // bytes: x 1, e + mark 3, y 1, jamo 3 + 3, z 1
  const NormalizedText normalized(source, true);
  CHECK(normalized.text() == "xéy\uAC00z");
  CHECK(normalized.source_begin(0) == 0);
  CHECK(normalized.source_begin(1) == 1);
  CHECK(normalized.source_end(2) == 4);
  CHECK(normalized.source_end(3) == 4);
  CHECK(normalized.source_begin(3) == 4);
  CHECK(normalized.source_begin(4) == 5);
  CHECK(normalized.source_end(7) == 11);
  CHECK(normalized.source_begin(7) == 11);
  CHECK(normalized.source_end(8) == 12);
  const NormalizedText same(source, false);
  CHECK(same.text().data() == source.data());
}

TEST_CASE("lines are encoded and decoded, with newlines inside when they are JSON") {
  const Tokenizer tokenizer = Tokenizer::load(test::fixture("text/llama3.json"));
  TokenLinesOptions options;
  options.threads = 2;
  const std::string text = "the first line\n\n  naïve <|eot_id|> x\r\nlast";
  std::istringstream lines(text);
  std::ostringstream ids, back;
  CHECK(encode_lines(tokenizer, lines, ids, options) == 0);
  std::istringstream ids_in(ids.str());
  decode_lines(tokenizer, ids_in, back, options);
  CHECK(back.str() == text + "\n");

  options.jsonl = true;
  const std::string json = "\"two\\nlines\"\n\"\"\n";
  std::istringstream json_lines(json);
  std::ostringstream json_ids, json_back;
  encode_lines(tokenizer, json_lines, json_ids, options);
  CHECK(json_ids.str().substr(0, 1) == "[");
  std::istringstream json_ids_in(json_ids.str());
  decode_lines(tokenizer, json_ids_in, json_back, options);
  CHECK(json_back.str() == json);
}

TEST_CASE("a bad line is named by its number") {
  const Tokenizer tokenizer = Tokenizer::load(test::fixture("text/gpt2.json"));
  const auto encode = [&](const std::string& text, bool jsonl) {
    std::istringstream in(text);
    std::ostringstream out;
    TokenLinesOptions options;
    options.jsonl = jsonl;
    encode_lines(tokenizer, in, out, options);
  };
  const auto decode = [&](const std::string& text) {
    std::istringstream in(text);
    std::ostringstream out;
    decode_lines(tokenizer, in, out, {});
  };
  CHECK_THROWS_WITH(encode("ok\nbad \xFF", false), test::contains("line 2"));
  CHECK_THROWS_WITH(encode("\"ok\"\n{}", true), test::contains("line 2"));
  CHECK_THROWS_WITH(decode("[1]\n[999999]"), test::contains("line 2: [0]: no token has id 999999"));
  CHECK_THROWS_WITH(decode("[1]\n[\"a\"]"), test::contains("line 2"));
  CHECK_THROWS_WITH(decode("[1]\n1"), test::contains("line 2"));
}

TEST_CASE("ill-formed UTF-8 is found, and replaced by maximal subparts") {
  const auto repaired = [](std::string_view bytes) {
    std::string out;
    append_valid_utf8(bytes, true, out);
    return out;
  };
  const std::string mark = "\xEF\xBF\xBD";
  CHECK(repaired("a\xE2\x82z") == "a" + mark + "z");
  CHECK(repaired("\xF0\x80\x80\x41") == mark + mark + mark + "A");
  CHECK(repaired("\xED\xA0\x80") == mark + mark + mark);
  CHECK(repaired("\xF4\x90\x80\x80") == mark + mark + mark + mark);
  CHECK(repaired("\xC3\xA9\xE2\x82\xAC") == "é€");
  CHECK(find_invalid_utf8("é€😀") == std::string::npos);
  CHECK(find_invalid_utf8("é\xC0\xAF") == 2);
}

}  // namespace
}  // namespace rlhf
