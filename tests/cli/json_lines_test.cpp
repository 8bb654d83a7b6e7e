#include "cli/json_lines.h"

#include <iostream>
#include <sstream>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

class File {
 public:
  explicit File(const std::string& text) { test::write_file(folder_ / "in.jsonl", text); }
  JsonLinesFlags flags() const { return {(folder_ / "in.jsonl").string(), (folder_ / "out.jsonl").string()}; }
  std::string output() const { return test::read_file(folder_ / "out.jsonl"); }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("lines are read in order, blank ones left out, each with its place") {
  const File file("{\"b\": 1, \"a\": \"x\"}\r\n\n  \n{\"text\": \"é\\n\"}");
  const auto lines = read_json_lines(file.flags());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].value.dump() == R"({"b":1,"a":"x"})");
  CHECK(lines[0].where.ends_with("in.jsonl:1"));
  CHECK(lines[1].where.ends_with("in.jsonl:4"));
  CHECK(lines[1].text("text") == "é\n");
}

TEST_CASE("a line that is no object, and a field that is absent or no text, are refused by their place") {
  for (const char* bad : {"[1, 2]", "{\"a\": ", "nonsense", "{} {}"}) {
    const File file(std::string("{}\n") + bad + "\n");
    CHECK_THROWS_WITH(read_json_lines(file.flags()), test::contains("in.jsonl:2"));
    CHECK_THROWS_AS(read_json_lines(file.flags()), UserError);
  }
  const File file(R"({"prompt": 3})");
  const auto lines = read_json_lines(file.flags());
  CHECK_THROWS_WITH(lines[0].text("prompt"), test::contains("\"prompt\" should be a string"));
  CHECK_THROWS_WITH(lines[0].text("response"), test::contains("in.jsonl:1"));
  JsonLinesFlags nowhere;
  nowhere.input = "/nowhere/in.jsonl";
  CHECK_THROWS_AS(read_json_lines(nowhere), UserError);
}

TEST_CASE("conversations are lists of roles and contents") {
  const File file(
      R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]})"
      "\n"
      R"({"messages": "hi"})");
  const auto lines = read_json_lines(file.flags());
  CHECK((read_messages(lines[0], "messages") == Conversation{{"user", "hi"}, {"assistant", "yes"}}));
  CHECK_THROWS_WITH(read_messages(lines[1], "messages"), test::contains("in.jsonl:2"));
}

TEST_CASE("objects are written one a line, in the order of their fields, to the file or to standard output") {
  const File file("");
  JsonLinesOutput output(file.flags());
  output.write({{"z", 1}, {"a", "line\nbreak é"}});
  output.write({{"bad", "\xff"}});
  output.close();
  CHECK(file.output() == "{\"z\":1,\"a\":\"line\\nbreak é\"}\n{\"bad\":\"\xEF\xBF\xBD\"}\n");

  std::ostringstream stdout_text;
  std::streambuf* before = std::cout.rdbuf(stdout_text.rdbuf());
  JsonLinesOutput to_stdout({"-", ""});
  to_stdout.write({{"a", 1}});
  to_stdout.close();
  std::cout.rdbuf(before);
  CHECK(stdout_text.str() == "{\"a\":1}\n");
  CHECK_THROWS_AS(JsonLinesOutput({"-", "/nowhere/out.jsonl"}), UserError);
}

TEST_CASE("a full disk is told, not swallowed") {
  JsonLinesOutput output({"-", "/dev/full"});
  output.write({{"a", 1}});
  CHECK_THROWS_AS(output.close(), WorldError);
}
