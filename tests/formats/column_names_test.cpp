#include "formats/column_names.h"

#include "contract/error.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

using test::contains;
using test::ranking;
using test::read_text;

namespace {

template <typename Action>
std::string user_error(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "(no UserError)";
}

}  // namespace

TEST_CASE("columns of any name are read as what --columns says they are") {
  const auto table = read_text("question,better,worse,prompt\nq,a,b,not this\n", "", "data.csv",
                               "prompt=question,chosen=better,rejected=worse");
  CHECK(table.summary.format == "trl-preference");
  CHECK(ranking(table).prompt.text == "q");
  CHECK(ranking(table).responses == std::vector<std::string>{"a", "b"});
  const auto lines = read_text(R"({"q": "q", "a": "a"})", "", "data.jsonl", "prompt=q,completion=a");
  CHECK(lines.summary.format == "trl-prompt-completion");
}

TEST_CASE("names may be exchanged, and a record without an optional column is read without it") {
  const auto reading = read_text(
      "{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": \"b\", \"gap\": 2}\n"
      "{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"d\"}\n",
      "", "data.jsonl", "chosen=rejected,rejected=chosen,margin=gap");
  REQUIRE(reading.records.size() == 2);
  CHECK(ranking(reading).responses == std::vector<std::string>{"b", "a"});
  CHECK(ranking(reading).margin == 2.0);
  CHECK_FALSE(ranking(reading, 1).margin);
}

TEST_CASE("a column that the header does not have ends reading before it begins") {
  const std::string message =
      user_error([] { read_text("question,answer\nq,a\n", "", "data.csv", "prompt=questoin"); });
  CHECK(contains(message, "data.csv:1: no column is called 'questoin', as --columns says of 'prompt'"));
  CHECK(contains(message, "there are: question, answer"));
}

TEST_CASE("--columns says what is wrong with it") {
  for (const std::string bad : {"prompt", "=a", "prompt=", "a=b,,c=d"})
    CHECK(contains(user_error([&] { ColumnNames{bad}; }), "give NAME=COLUMN"));
  CHECK(contains(user_error([] { ColumnNames{"a=b,a=c"}; }), "the field 'a' twice"));
  CHECK(contains(user_error([] { ColumnNames{"a=b,c=b"}; }), "the column 'b' twice"));
  CHECK(ColumnNames("").empty());
}

TEST_CASE("where a name says nothing, csv and tsv tell what the file is") {
  CHECK(read_text("prompt,completion\np,a\n", "csv", "data").summary.format == "trl-prompt-completion");
  CHECK(read_text("prompt\tcompletion\np\ta\n", "tsv", "data").records.size() == 1);
}

}  // namespace rlhf
