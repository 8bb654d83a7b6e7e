#include "text/jinja.h"

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using rlhf::JinjaTemplate;
using Json = nlohmann::ordered_json;

namespace {

std::tm july_24() {
  std::tm date{};
  date.tm_year = 126;
  date.tm_mon = 6;
  date.tm_mday = 24;
  return date;
}

std::string render(const std::string& source, const Json& variables = Json::object()) {
  return JinjaTemplate::compile(source, "t.jinja").render(variables, july_24()).text;
}

std::string refusal(const std::string& source, const Json& variables = Json::object()) {
  try {
    return "rendered: " + render(source, variables);
  } catch (const rlhf::UserError& error) {
    return error.what();
  }
}

std::string repeated(const std::string& piece, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += piece;
  return out;
}

}  // namespace

TEST_CASE("templates print what jinja2 prints") {
  const Json file = Json::parse(rlhf::test::read_file(rlhf::test::fixture("text/jinja_cases.json")));
  REQUIRE(file["cases"].size() > 90);
  for (const Json& entry : file["cases"]) {
    INFO(entry["name"]);
    const auto source = entry["template"].get<std::string>();
    if (entry["expected"].is_null()) {
      CHECK_THROWS_AS(render(source, file["variables"]), rlhf::UserError);
      continue;
    }
    const auto output = JinjaTemplate::compile(source).render(file["variables"], july_24());
    CHECK(output.text == entry["expected"]["text"].get<std::string>());
    CHECK(Json(output.generations) == entry["expected"]["generations"]);
  }
}

TEST_CASE("an error names the template, the line and the construct") {
  CHECK(refusal("a\n\n{% macro f() %}{% endmacro %}") ==
        "t.jinja, line 3: unsupported: the Jinja tag 'macro'");
  CHECK(refusal("\n{% include 'x' %}") == "t.jinja, line 2: unsupported: the Jinja tag 'include'");
  CHECK(refusal("{#\n\n#}{{ 1 | frob }}") == "t.jinja, line 3: unsupported: the filter 'frob'");
  CHECK(refusal("\n{{ 1 is frob }}") == "t.jinja, line 2: unsupported: the test 'frob'");
  CHECK(refusal("{{ 'a'.encode() }}") == "t.jinja, line 1: unsupported: the string method 'encode'");
  CHECK(refusal("{{ {}.pop('a') }}") == "t.jinja, line 1: unsupported: the mapping method 'pop'");
  CHECK(refusal("{% for x in [] recursive %}{% endfor %}") ==
        "t.jinja, line 1: unsupported: a recursive for");
  CHECK(refusal("{{ 'a%s' % 1 }}") == "t.jinja, line 1: unsupported: string % integer");
  CHECK(refusal("{{ 'a' + ('b' | safe) }}") == "t.jinja, line 1: unsupported: string + string marked safe");
  CHECK(refusal("\n{{ messages[0].role }}", {{"messages", Json::array()}}) ==
        "t.jinja, line 2: 'item 0' is undefined, so it has no 'role'");
  CHECK(refusal("{% if x %}") == "t.jinja, line 1: the block has no {% endif %}");
  CHECK(refusal("{% for x y %}") == "t.jinja, line 1: expected 'in', found 'y'");
  CHECK(refusal("\n\n{{ raise_exception('roles must alternate') }}") ==
        "t.jinja, line 3: roles must alternate");
}

TEST_CASE("a template that means harm is stopped") {
  const auto stopped = [](const std::string& source) {
    const std::string message = refusal(source);
    INFO(source.substr(0, 80) << " -> " << message.substr(0, 200));
    CHECK(message.starts_with("t.jinja"));
    CHECK(message.size() < 300);
  };
  const std::string nested_loops =
      repeated("{% for i in range(100000) %}", 4) + "x" + repeated("{% endfor %}", 4);
  stopped(nested_loops);
  stopped("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}");
  stopped("{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}");
  stopped("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}");
  stopped("{% set ns = namespace(x=[]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}");
  stopped(
      "{% set ns = namespace(x=[]) %}{% for i in range(50) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ "
      "ns.x }}");
  stopped(
      "{% set ns = namespace(x=[]) %}{% for i in range(50) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
      "{{ ns.x == ns.x }}{{ ns.x | tojson }}");
  stopped("{% set ns = namespace() %}{% set ns.me = ns %}");
  stopped("{% for i in range(100000) %}{{ 'x' * 1000000 }}{% endfor %}");
  stopped("{{ 'x' * 999999999999 }}");
  stopped("{{ 10 ** 99 }}{{ 9223372036854775807 + 1 }}");
  stopped("{{ 9223372036854775808 }}");
  stopped("{{ strftime_now('%" + repeated("9", 30) + "d') }}");
  stopped("{{ " + repeated("(", 100000) + repeated(")", 100000) + " }}");
  stopped("{{ " + repeated("not ", 100000) + "x }}");
  stopped("{{ " + repeated("-", 100000) + "1 }}");
  stopped("{{ 1" + repeated(" + 1", 100000) + " }}");
  stopped("{{ x" + repeated(".a", 100000) + " }}");
  stopped("{{ x" + repeated("|list", 100000) + " }}");
  stopped("{{ 1" + repeated(" if 1 else 1", 10000) + " }}");
  stopped(repeated("{% if 1 %}", 10000) + repeated("{% endif %}", 10000));
  stopped(std::string(2 << 20, 'x'));
  CHECK(refusal("{{ x }}", {{"x", Json::parse(repeated("[", 1000) + repeated("]", 1000))}}) ==
        "t.jinja: a variable cannot be used: values are nested too deeply");
}

TEST_CASE("long conversations are within the bounds") {
  const Json variables{{"messages", Json::array()}};
  Json messages = Json::array();
  for (int i = 0; i < 2000; ++i)
    messages.push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", std::string(2000, 'x')}});
  const std::string text = render(
      "{% for m in messages[::-1] %}{% set c = m.content | trim %}{{ '<' + m.role + '>' + c + '\\n' }}{% "
      "endfor %}",
      {{"messages", messages}});
  CHECK(text.size() == 1000 * (6 + 2000 + 1) + 1000 * (11 + 2000 + 1));
}

TEST_CASE("mutated templates end in text or in a user error") {
  const Json file = Json::parse(rlhf::test::read_file(rlhf::test::fixture("text/jinja_cases.json")));
  uint64_t state = 1;
  const auto draw = [&](std::size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state >> 33) % limit;
  };
  static constexpr std::string_view kPieces[] = {"{%",     "%}",     "{{", "}}", "-",   "'",
                                                 "\\",     "(",      "]",  "|",  "is ", "if ",
                                                 "endfor", "[::-1]", "\n", ".",  "9",   "~"};
  std::size_t rendered = 0;
  for (int round = 0; round < 30; ++round) {
    for (const Json& entry : file["cases"]) {
      auto source = entry["template"].get<std::string>();
      for (std::size_t edits = 1 + draw(3); edits > 0; --edits) {
        const std::size_t at = draw(source.size());
        if (draw(2))
          source.insert(at, kPieces[draw(std::size(kPieces))]);
        else
          source.erase(at, 1 + draw(4));
        if (source.empty()) source = "x";
      }
      try {
        render(source, file["variables"]);
        ++rendered;
      } catch (const rlhf::UserError&) {
      }
    }
  }
  CHECK(rendered > 100);
}
