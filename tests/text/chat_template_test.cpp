#include "text/chat_template.h"

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
using Json = nlohmann::ordered_json;

namespace {

const Json kTokens{{"bos_token", "<s>"}, {"eos_token", "</s>"}};

constexpr const char* kChatMl =
    "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

/// Like Phi-3: the end-of-sequence token closes a whole conversation.
const std::string kClosing =
    std::string(kChatMl) + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}";

/// Like Qwen3: an answer keeps its thinking only while it is the last turn.
constexpr const char* kForgetful =
    "{% for m in messages %}{% if m.role == 'assistant' and loop.last %}{{ '<|assistant|><think></think>' + "
    "m.content + "
    "'<|end|>' }}{% else %}{{ '<|' + m.role + '|>' + m.content.split('</think>')[-1] + '<|end|>' }}{% endif "
    "%}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";

constexpr const char* kMarked =
    "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% if m.role == 'assistant' %}{% generation %}{{ "
    "m.content + '<|end|>' }}"
    "{% endgeneration %}{% else %}{{ m.content + '<|end|>' }}{% endif %}{% endfor %}";

const Conversation kTwoTurns{{"system", "be nice"},
                             {"user", "hi 🙂"},
                             {"assistant", "héllo"},
                             {"user", "bye"},
                             {"assistant", "ciao"}};

std::vector<std::string> supervised(const std::string& source, const Conversation& messages,
                                    std::size_t first = 0) {
  const SupervisedText result = ChatTemplate::compile(source, kTokens).render_supervised(messages, first);
  std::vector<std::string> pieces;
  for (const auto& [begin, end] : result.spans) pieces.push_back(result.text.substr(begin, end - begin));
  return pieces;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("a conversation is rendered with and without a generation prompt") {
  const auto chat = ChatTemplate::compile(kChatMl);
  CHECK(chat.render({{"user", "a"}}) == "<|user|>a<|end|>\n");
  ChatRenderOptions asking;
  asking.add_generation_prompt = true;
  CHECK(chat.render({{"user", "a"}}, asking) == "<|user|>a<|end|>\n<|assistant|>");
}

TEST_CASE("special tokens, tools, variables and the date reach the template") {
  const auto chat = ChatTemplate::compile(
      "{{ bos_token }}{{ tools is none }}{{ tools | tojson }}{{ documents is none }}{{ flag }}{{ unk_token "
      "is defined }}"
      "{{ strftime_now('%Y-%m-%d') }}",
      kTokens);
  ChatRenderOptions options;
  options.variables = {{"flag", false}};
  options.now = std::tm{};
  options.now->tm_year = 100;
  options.now->tm_mday = 2;
  CHECK(chat.render({}, options) == "<s>TruenullTrueFalseFalse2000-01-02");
  options.tools = Json::parse(R"([{"name": "f"}])");
  CHECK(chat.render({}, options) == "<s>False[{\"name\": \"f\"}]TrueFalseFalse2000-01-02");
}

TEST_CASE("messages as JSON keep what a template looks for besides role and content") {
  const auto chat =
      ChatTemplate::compile("{% for m in messages %}{{ m.tool_calls[0].function.name }}{% endfor %}");
  CHECK(chat.render_json(Json::parse(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f"}}]}])")) ==
        "f");
}

TEST_CASE("assistant turns are found by rendering up to them") {
  CHECK(supervised(kChatMl, kTwoTurns) == Strings{"héllo<|end|>\n", "ciao<|end|>\n"});
  CHECK(supervised(kChatMl, kTwoTurns, 3) == Strings{"ciao<|end|>\n"});
  const Conversation unanswered(kTwoTurns.begin(), kTwoTurns.end() - 1);
  CHECK(supervised(kChatMl, unanswered) == Strings{"héllo<|end|>\n"});
}

TEST_CASE("the token that closes a conversation belongs to its last turn only") {
  CHECK(supervised(kClosing, kTwoTurns) == Strings{"héllo<|end|>\n", "ciao<|end|>\n</s>"});
}

TEST_CASE("a turn that changes once others follow is counted and not supervised") {
  CHECK(supervised(kForgetful, kTwoTurns) == Strings{"<think></think>ciao<|end|>"});
  CHECK(ChatTemplate::compile(kForgetful).render_supervised(kTwoTurns).unlocated_turns == 1);
}

TEST_CASE("generation blocks decide where a template has them") {
  CHECK(supervised(kMarked, kTwoTurns) == Strings{"héllo<|end|>", "ciao<|end|>"});
  CHECK(supervised(kMarked, kTwoTurns, 3) == Strings{"ciao<|end|>"});
  CHECK_THROWS_AS(supervised("{% if no %}{% generation %}{% endgeneration %}{% endif %}", kTwoTurns),
                  UserError);
}

TEST_CASE("a template that hides its assistant turns is refused") {
  const std::string counts = "{{ messages | length }}" + std::string(kChatMl);
  CHECK_THROWS_WITH(supervised(counts, kTwoTurns), test::contains("last assistant turn"));
  const std::string picky =
      "{% if messages | length < 5 %}{{ raise_exception('too short') }}{% endif %}" + std::string(kChatMl);
  CHECK_THROWS_WITH(supervised(picky, kTwoTurns), test::contains("too short"));
  CHECK_THROWS_WITH(supervised(kChatMl, {{"user", "a"}}), test::contains("no assistant turn"));
}

TEST_CASE("chat_template.jinja of a folder wins over tokenizer_config.json") {
  const test::TemporaryFolder folder;
  CHECK_FALSE(ChatTemplate::from_folder(folder.path()));

  test::write_file(
      folder / "tokenizer_config.json",
      R"({"bos_token": {"content": "<b>", "lstrip": false}, "chat_template": "config {{ bos_token }}"})");
  CHECK(ChatTemplate::from_folder(folder.path())->render({}) == "config <b>");

  test::write_file(folder / "chat_template.jinja", "file {{ bos_token }}{{ eos_token }}");
  CHECK(ChatTemplate::from_folder(folder.path())->render({}) == "file <b>");
}

TEST_CASE("special tokens that tokenizer_config.json leaves out come from special_tokens_map.json") {
  const std::string config = R"({"bos_token": "<b>", "chat_template": "{{ bos_token }}{{ eos_token }}"})";
  const std::string map = R"({"bos_token": "<other>", "eos_token": {"content": "</s>"}})";
  CHECK(ChatTemplate::from_files({}, config, map, "m/")->render({}) == "<b></s>");
  CHECK_THROWS_WITH(ChatTemplate::from_files({}, config, "[]", "m/"),
                    test::contains("m/special_tokens_map.json"));
}

TEST_CASE("of a list of named templates the default is taken") {
  const auto from_config = [](const std::string& json) {
    return ChatTemplate::from_files({}, json, {}, "m/");
  };
  const std::string list =
      R"({"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]})";
  CHECK(from_config(list)->render({}) == "d");
  CHECK_FALSE(from_config(R"({"chat_template": null})"));
  CHECK_THROWS_WITH(from_config(R"({"chat_template": []})"), test::contains("m/tokenizer_config.json"));
  CHECK_THROWS_AS(from_config(R"({"chat_template": 3})"), UserError);
  CHECK_THROWS_AS(from_config("{"), UserError);
  CHECK_THROWS_WITH(from_config(R"({"chat_template": "{% macro f() %}"})"),
                    test::contains("tokenizer_config.json"));
}
