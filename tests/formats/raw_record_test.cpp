#include "formats/raw_record.h"

#include <zlib.h>

#include "contract/error.h"
#include "formats/line_reader.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

std::string gzip(const std::string& bytes) {
  const test::TemporaryFolder folder;
  const std::string path = (folder / "bytes").string();
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  return test::read_file(path);
}

class Lines {
 public:
  std::vector<Line> read(const std::string& bytes, std::size_t limit = kMaxLineBytes) {
    test::write_file(folder_ / "lines", bytes);
    LineReader reader((folder_ / "lines").string(), limit);
    std::vector<Line> lines;
    for (Line line; reader.next(line);) lines.push_back(line);
    return lines;
  }

  std::vector<RawRecord> records(const std::string& bytes, const std::string& name) {
    test::write_file(folder_ / name, bytes);
    const auto reader = open_raw_records((folder_ / name).string());
    std::vector<RawRecord> found;
    for (RawRecord record; reader->next(record);) found.push_back(record);
    return found;
  }

 private:
  test::TemporaryFolder folder_;
};

}  // namespace

TEST_CASE_METHOD(Lines, "lines lose byte order mark, CRLF and the missing last line break") {
  const auto lines = read("\xEF\xBB\xBFone\r\n\ntwo");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].text == "one");
  CHECK(lines[1].text.empty());
  CHECK(lines[2].text == "two");
  CHECK(lines[2].number == 3);
}

TEST_CASE_METHOD(Lines, "a line over the limit is a problem of its own, the next one is read") {
  const auto lines = read("short\n" + std::string(1000000, 'x') + "\nafter\n", 1000);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1].problem == "longer than 1000 bytes");
  CHECK(lines[1].text.size() <= 1000);
  CHECK(lines[2].text == "after");
  CHECK(lines[2].problem.empty());
}

TEST_CASE_METHOD(Lines, "overlong forms, surrogates and cut characters are not UTF-8") {
  for (const std::string bad : {"\xC0\x80", "\xED\xA0\x80", "\xE2\x82", "\xF5\x80\x80\x80", "\x81"}) {
    const auto lines = read("abcdefgh" + bad + "\n");
    CHECK(lines.at(0).problem == "not UTF-8 at byte 8");
  }
  CHECK(read("a\xE2\x82\xAC\xF0\x9F\x98\x80\n").at(0).problem.empty());
}

TEST_CASE_METHOD(Lines, "gzip is told by its bytes, not by its name") {
  const auto lines = read(gzip("one\ntwo\n"));
  REQUIRE(lines.size() == 2);
  CHECK(lines[1].text == "two");
}

TEST_CASE_METHOD(Lines, "a gzip file cut short gives its good lines and then one problem") {
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "line " + std::to_string(i * 7919 % 10007) + "\n";
  const std::string bytes = gzip(text);
  const auto lines = read(bytes.substr(0, bytes.size() / 2));
  REQUIRE(lines.size() > 100);
  CHECK(lines[0].text == "line 0");
  CHECK(lines[lines.size() - 2].problem.empty());
  CHECK(test::contains(lines.back().problem, "damaged or cut short"));
}

TEST_CASE_METHOD(Lines, "a gzip bomb without line breaks stays within the limit") {
  const auto lines = read(gzip(std::string(64 << 20, 'x')), 1 << 20);
  REQUIRE(lines.size() == 1);
  CHECK(test::contains(lines[0].problem, "longer than"));
  CHECK(lines[0].text.capacity() <= (4 << 20));
}

TEST_CASE_METHOD(Lines, "the elements of a JSON array are records with the line they start on") {
  const auto found =
      records("\xEF\xBB\xBF[\n  {\"a\": \"],[\\\"\"},\n\n {\n\"a\": [1, {}]},\n 3]\n", "data.json");
  REQUIRE(found.size() == 3);
  CHECK(found[0].value["a"] == "],[\"");
  CHECK(found[0].line == 2);
  CHECK(found[1].value["a"][0] == 1);
  CHECK(found[1].line == 4);
  CHECK(found[2].value == 3);
  CHECK(records("[]", "data.json").empty());
}

TEST_CASE_METHOD(Lines, "an array cut short keeps its whole elements") {
  const auto found = records("[{\"a\": 1}, {\"a\": 2", "data.json");
  REQUIRE(found.size() == 2);
  CHECK(found[0].value["a"] == 1);
  CHECK(test::contains(found[1].problem, "not closed"));
}

TEST_CASE_METHOD(Lines, "one broken element of an array does not spoil the others") {
  const auto found = records("[{\"a\": 1}, {\"a\": nope}, {\"a\": \"\xFF\"}, {\"a\": 4}]", "data.json");
  REQUIRE(found.size() == 4);
  CHECK(test::contains(found[1].problem, "not valid JSON"));
  CHECK(test::contains(found[2].problem, "not UTF-8"));
  CHECK(found[3].value["a"] == 4);
}

TEST_CASE_METHOD(Lines, "CSV keeps quotes, separators and line breaks in quoted cells") {
  const auto found =
      records("\xEF\xBB\xBF\"a\",b\r\n\"one, \"\"1\"\"\r\nmore\",two\r\n\r\n,\r\n", "data.csv");
  REQUIRE(found.size() == 2);
  CHECK(found[0].value["a"] == "one, \"1\"\r\nmore");
  CHECK(found[0].value["b"] == "two");
  CHECK(found[0].line == 2);
  CHECK(found[1].value["a"] == "");
  CHECK(found[1].value["b"] == "");
  CHECK(found[1].line == 5);
}

TEST_CASE_METHOD(Lines, "a CSV row with another number of cells is refused by itself") {
  const auto found = records("a,b\n1\n1,2\n\"open", "data.csv");
  REQUIRE(found.size() == 3);
  CHECK(found[0].problem == "has 1 cells, the header 2");
  CHECK(found[1].value["b"] == "2");
  CHECK(test::contains(found[2].problem, "not closed"));
}

TEST_CASE_METHOD(Lines, "a CSV header must name every column once") {
  CHECK_THROWS_AS(records("a,,b\n", "data.csv"), UserError);
  CHECK_THROWS_AS(records("a,a\n", "data.csv"), UserError);
  CHECK_THROWS_AS(records("", "data.csv"), UserError);
}

TEST_CASE("deeply nested JSON is refused, never a crash, under whatever name it comes") {
  const std::string deep(200000, '[');
  const std::string closed = deep + std::string(200000, ']');
  for (const std::string field : {"prompt", "label", "completion", "ranks", "response_a", "anything"}) {
    const std::string reason = test::reason_of("{\"" + field + "\": " + closed + "}");
    CHECK(test::contains(reason, "nested deeper than 500 brackets"));
  }
  CHECK(test::contains(test::reason_of("{\"prompt\": " + deep), "nested deeper"));
  const std::string within = std::string(490, '[') + std::string(490, ']');
  CHECK(test::contains(test::reason_of("{\"prompt\": " + within + "}"), "must be {role, content}"));
  // Brackets in texts and beside one another do not nest.
  CHECK(test::read_text(R"({"prompt": ")" + deep + "\"}").records.size() == 1);
}

TEST_CASE_METHOD(Lines, "objects over several lines are records, each from the line it starts on") {
  const auto found = records("{\n  \"a\": {\"b\": \"}{\"}\n}\n\n{\n\"a\": nope}{\"a\": 3}\n", "data.json");
  REQUIRE(found.size() == 3);
  CHECK(found[0].value["a"]["b"] == "}{");
  CHECK(found[0].line == 1);
  CHECK(found[1].line == 5);
  CHECK(test::contains(found[1].problem, "not valid JSON"));
  CHECK(found[2].value["a"] == 3);
  const auto cut = records("{\n  \"a\": 1\n}\n{\n  \"a\": ", "data.json");
  REQUIRE(cut.size() == 2);
  CHECK(test::contains(cut[1].problem, "the object is not closed"));
}

TEST_CASE_METHOD(Lines, "what stands behind the end of an array is told, not dropped") {
  const auto found = records("[{\"a\": 1},]\n\n[{\"a\": 2}]\n", "data.json");
  REQUIRE(found.size() == 2);
  CHECK(found[0].value["a"] == 1);
  CHECK(found[1].line == 3);
  CHECK(test::contains(found[1].problem, "behind the end of the array"));
  CHECK(records("[{\"a\": 1}]\n \n", "data.json").size() == 1);
  // A bracket too many spoils its own element alone.
  const auto odd = records("[{\"a\": 1}}, {\"a\": 2}]", "data.json");
  REQUIRE(odd.size() == 2);
  CHECK(test::contains(odd[0].problem, "not valid JSON"));
  CHECK(odd[1].value["a"] == 2);
}

TEST_CASE_METHOD(Lines, "files that are no UTF-8 text are named with what to do") {
  const auto error_of = [&](const std::string& bytes, const std::string& name) {
    try {
      records(bytes, name);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("(not refused)");
  };
  const std::string utf16("\xFF\xFEp\0r\0o\0m\0p\0t\0\n\0", 16);
  for (const std::string name : {"a.csv", "a.jsonl", "a.tsv"}) {
    CHECK(test::contains(error_of(utf16, name), "iconv -f UTF-16 -t UTF-8"));
    CHECK(test::contains(error_of(gzip(utf16), name), name + ": is UTF-16"));
    CHECK(test::contains(error_of(utf16.substr(2), name), "is UTF-16"));
  }
  CHECK(test::contains(error_of(std::string("\xFF\xFE\0\0p\0\0\0", 8), "a.txt"), "is UTF-32"));
  CHECK(test::contains(error_of("PAR1\x15\x04", "a.jsonl"), "to_json"));
  CHECK(test::contains(error_of("PK\x03\x04\x14", "a.csv"), "Excel"));
  CHECK(test::contains(error_of("\x28\xB5\x2F\xFD", "a.jsonl"), "zstd"));
  CHECK(records("{\"a\": \"PAR1\"}", "a.jsonl").size() == 1);
}

TEST_CASE_METHOD(Lines, "a byte of Windows-1252 is named as the letter it is there") {
  const auto lines = read("{\"prompt\": \"caf\xE9\"}\nit\x92s\nfine\n\xC3\xA9\n");
  REQUIRE(lines.size() == 4);
  CHECK(test::contains(lines[0].problem,
                       "not UTF-8 at byte 15; if it is Windows-1252, where that byte is 'é'"));
  CHECK(test::contains(lines[1].problem, "'\u2019'"));
  CHECK(lines[2].problem.empty());
  CHECK(lines[3].problem.empty());
}

TEST_CASE_METHOD(
    Lines, "a CSV file may be separated by semicolons, as spreadsheets write where commas are decimal") {
  const auto found = records("a;\"b,c\"\r\n1,5;two\r\n", "data.csv");
  REQUIRE(found.size() == 1);
  CHECK(found[0].value["a"] == "1,5");
  CHECK(found[0].value["b,c"] == "two");
  CHECK(records("a,b;c\n1,2\n", "data.csv").at(0).value["b;c"] == "2");
}

TEST_CASE_METHOD(Lines, "line numbers in CSV count the lines inside quoted cells") {
  const auto found = records("a,b\n\"1\n2\n3\",x\n\n4\n", "data.csv");
  REQUIRE(found.size() == 2);
  CHECK(found[0].line == 2);
  CHECK(found[1].line == 6);
  CHECK(found[1].problem == "has 1 cells, the header 2");
}

TEST_CASE_METHOD(Lines, "a header alone and a file of blank lines hold no record") {
  CHECK(records("a,b\n", "data.csv").empty());
  CHECK(records("\n \n\r\n", "data.jsonl").empty());
  CHECK(records("", "data.jsonl").empty());
  CHECK(records("\xEF\xBB\xBF", "data.jsonl").empty());
}

TEST_CASE("JSON at its edges: separators of Unicode and NUL stay, what JSON does not have is refused") {
  const auto kept = test::read_text("{\"prompt\": \"a\u2028b\u2029c\u0085d\\u0000e\"}\n");
  REQUIRE(kept.records.size() == 1);
  CHECK(std::get<Prompt>(kept.records[0].content).text ==
        "a\u2028b\u2029c\u0085d" + std::string(1, '\0') + "e");
  CHECK(test::contains(test::reason_of(R"({"prompt": "\ud83d"})"), "not valid JSON"));
  CHECK(test::contains(test::reason_of(R"({"prompt": "\ude00 \ud83d"})"), "not valid JSON"));
  CHECK(std::get<Prompt>(test::read_text(R"({"prompt": "\ud83d\ude00"})").records.at(0).content).text ==
        "\xF0\x9F\x98\x80");
  CHECK(test::contains(test::reason_of(R"({"prompt": "a", "chosen": "b", "rejected": "c", "margin": NaN})"),
                       "last read: '"));
  CHECK(test::contains(test::reason_of(R"({"prompt": "a", "chosen": "b", "rejected": "c", "margin": 1e999})"),
                       "not usable JSON"));
  CHECK(test::contains(test::reason_of(R"({"prompt": "a",})"), "not valid JSON"));
  CHECK(test::contains(test::reason_of(R"({"prompt": "a"} {"prompt": "b"})"), "not valid JSON"));
  // The last of two equal keys counts, as in Python.
  CHECK(std::get<Prompt>(test::read_text(R"({"prompt": "a", "prompt": "b"})").records.at(0).content).text ==
        "b");
}

}  // namespace rlhf
