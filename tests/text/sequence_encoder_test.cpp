#include "text/sequence_encoder.h"

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

constexpr char kRoles[] = R"({"eos_token": "<|endoftext|>"})";

/// SmolLM's style, with the end-of-sequence token put behind every text by the tokenizer itself.
SequenceEncoder encoder_that_ends_texts() {
  auto json = nlohmann::json::parse(test::read_file(test::fixture("text/smollm.json")));
  const Tokenizer plain =
      Tokenizer::from_files({{"tokenizer.json", json.dump()}, {"tokenizer_config.json", kRoles}});
  const nlohmann::json end = {{"SpecialToken", {{"id", "<|endoftext|>"}, {"type_id", 0}}}};
  json["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {{{"Sequence", {{"id", "A"}, {"type_id", 0}}}}, end}},
      {"pair", nlohmann::json::array()},
      {"special_tokens",
       {{"<|endoftext|>",
         {{"id", "<|endoftext|>"}, {"ids", {*plain.eos_id()}}, {"tokens", {"<|endoftext|>"}}}}}}};
  return SequenceEncoder(
      Tokenizer::from_files({{"tokenizer.json", json.dump()}, {"tokenizer_config.json", kRoles}}));
}

SequenceEncoder encoder_with(const std::string& chat_template) {
  return SequenceEncoder(
      Tokenizer::from_files({{"tokenizer.json", test::read_file(test::fixture("text/smollm.json"))},
                             {"tokenizer_config.json", kRoles},
                             {"chat_template.jinja", chat_template}}));
}

}  // namespace

TEST_CASE("an end that the tokenizer puts behind texts is learnt, and no prompt has it") {
  const SequenceEncoder encoder = encoder_that_ends_texts();
  const TokenId end = *encoder.tokenizer().eos_id();
  REQUIRE(encoder.tokenizer().suffix_ids() == std::vector<TokenId>{end});
  Demonstration d;
  d.form = Demonstration::Form::kPromptCompletion;
  d.prompt.text = "The film was";
  d.completion = " very good.";
  const SupervisedEncoding encoding = encoder.demonstration(d);
  REQUIRE(encoding.supervised.size() == encoding.token_ids.size());
  CHECK(encoding.token_ids.back() == end);
  CHECK(encoding.supervised.back() == 1);
  CHECK(encoding.supervised.front() == 0);
  const std::vector<TokenId> prompt = encoder.prompt(d.prompt);
  CHECK(!prompt.empty());
  CHECK(prompt.back() != end);
  const std::vector<TokenId> whole = encoder.prompt_and_response(d.prompt, d.completion);
  CHECK(whole == encoding.token_ids);
}

TEST_CASE("a chat template that cannot be used matters to conversations alone") {
  const SequenceEncoder encoder = encoder_with("{% macro greet() %}hi{% endmacro %}");
  CHECK_FALSE(encoder.prompt({"The film was", {}}).empty());
  CHECK_THROWS_AS(encoder.prompt({"", {{"user", "hi"}}}), UserError);
  CHECK_THROWS_WITH(encoder.prompt({"", {{"user", "hi"}}}),
                    test::contains("the model's chat_template.jinja"));
}
