#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

using Files = std::map<std::string, std::string>;
using Ids = std::vector<TokenId>;

/// The Qwen2-style fixture has <|endoftext|> 0, <|im_start|> and <|im_end|>.
Files qwen2_with(Files files) {
  files["tokenizer.json"] = test::read_file(test::fixture("text/qwen2.json"));
  return files;
}

TEST_CASE("a folder with tokenizer.json alone loads, without roles") {
  const test::TemporaryFolder folder;
  test::write_file(folder / "tokenizer.json", test::read_file(test::fixture("text/gpt2.json")));
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  CHECK_FALSE(tokenizer.eos_id());
  CHECK_FALSE(tokenizer.bos_id());
  CHECK(tokenizer.eos_ids().empty());
  CHECK_FALSE(tokenizer.chat_template());
  CHECK(tokenizer.decode(tokenizer.encode("some text")) == "some text");
}

TEST_CASE("a missing folder or file is the user's error") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(Tokenizer::load(folder.path()), test::contains("tokenizer.json: no such file"));
  CHECK_THROWS_AS(Tokenizer::load(folder / "absent"), UserError);
}

TEST_CASE("roles come from tokenizer_config.json, then from the configs") {
  const Tokenizer tokenizer = Tokenizer::from_files(qwen2_with({
      {"tokenizer_config.json",
       R"({"eos_token": {"content": "<|im_end|>", "lstrip": false}, "pad_token": "<|endoftext|>",
                                    "bos_token": null})"},
      {"generation_config.json", R"({"eos_token_id": [5, 0], "bos_token_id": 0})"},
      {"config.json", R"({"eos_token_id": 7, "pad_token_id": -1})"},
  }));
  const TokenId im_end = *tokenizer.token_to_id("<|im_end|>");
  CHECK(tokenizer.eos_id() == im_end);
  CHECK(tokenizer.pad_id() == TokenId{0});
  CHECK(tokenizer.bos_id() == TokenId{0});
  CHECK(tokenizer.eos_ids() == Ids{im_end, 5, 0});
}

TEST_CASE("ids of a config that the tokenizer has no room for are ignored") {
  const Tokenizer tokenizer =
      Tokenizer::from_files(qwen2_with({{"config.json", R"({"eos_token_id": 50256})"}}));
  CHECK_FALSE(tokenizer.eos_id());
  CHECK(tokenizer.eos_ids().empty());
}

TEST_CASE("a role for a token that does not exist, and configs that are malformed, are refused") {
  const auto refused = [](const std::string& name, const std::string& bytes, const std::string& expected) {
    CHECK_THROWS_WITH(Tokenizer::from_files(qwen2_with({{name, bytes}}), "model/tokenizer.json"),
                      test::contains(expected));
  };
  refused("tokenizer_config.json", R"({"eos_token": "</s>"})",
          "model/tokenizer_config.json: eos_token: \"</s>\"");
  refused("tokenizer_config.json", R"({"eos_token": 3})", "must be a string");
  refused("tokenizer_config.json", "[]", "must be an object");
  refused("generation_config.json", R"({"eos_token_id": "x"})", "must be a token id");
  refused("config.json", "{", "not valid JSON");
  refused("tokenizer_config.json", R"({"chat_template": [{"name": "default"}]})", "lacks \"template\"");
}

TEST_CASE("chat templates come by name, a file of its own first") {
  const std::string config =
      R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "tool", "template": "T"}]})";
  const Tokenizer listed = Tokenizer::from_files(qwen2_with({{"tokenizer_config.json", config}}));
  CHECK(listed.chat_template() == std::string("D"));
  CHECK(listed.chat_templates().at("tool") == "T");
  const Tokenizer filed =
      Tokenizer::from_files(qwen2_with({{"tokenizer_config.json", config}, {"chat_template.jinja", "J"}}));
  CHECK(filed.chat_template() == std::string("J"));
}

TEST_CASE("files to save are those that were loaded, byte for byte") {
  const Files files = qwen2_with({{"tokenizer_config.json", "{ }"}, {"chat_template.jinja", "{{ x }}\n"}});
  Files more = files;
  more["config.json"] = "{}";
  more["model.safetensors"] = "weights";
  CHECK(Tokenizer::from_files(more).to_files() == files);
}

}  // namespace
}  // namespace rlhf
