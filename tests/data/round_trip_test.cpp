// What goes in comes out: a file imported, exported in its own format and imported again changes nothing, and
// the second export has the bytes of the first.
#include <algorithm>

#include "data/export.h"
#include "data/import.h"
#include "tests/formats/canonical_lines.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

class RoundTrip {
 public:
  std::string file(const std::string& bytes, const std::string& name) {
    test::write_file(folder_ / name, bytes);
    return (folder_ / name).string();
  }

  DataImportResult import(const std::string& db, const std::string& path) {
    return import_data({folder_ / db, {path}, {}, {}, false, "test"});
  }

  std::string export_as(const std::string& db, const std::string& format, const std::string& name) {
    exported_ = export_data({folder_ / db, format, "all", {}, {}, (folder_ / name).string()});
    return (folder_ / name).string();
  }

  /// Imports `path`, exports, imports into the same ledger and into a fresh one, exports again.
  void check(const std::string& path, const std::string& format, const std::string& extension = ".jsonl") {
    for (const char* db : {"a.db", "b.db"}) std::filesystem::remove(folder_ / db);
    const DataImportResult first = import("a.db", path);
    CHECK(first.format == format);
    REQUIRE(first.imported > 0);
    const std::string out = export_as("a.db", format, "a" + extension);
    CHECK(exported_.left_out.empty());
    CHECK(exported_.records >= first.imported);

    const DataImportResult again = import("a.db", out);
    CHECK(again.imported == 0);
    CHECK(again.rejected == 0);
    CHECK(again.already_present == exported_.lines);
    CHECK(test::read_file(export_as("a.db", format, "again" + extension)) == test::read_file(out));

    const DataImportResult fresh = import("b.db", out);
    CHECK(fresh.imported == exported_.lines);
    CHECK(test::read_file(export_as("b.db", format, "b" + extension)) == test::read_file(out));
  }

 protected:
  test::TemporaryFolder folder_;
  DataExportResult exported_;
};

/// What the ledger keeps once a file (license), or has no place for beside a demonstration or a prompt.
bool keeps_every_byte(const std::string& line) {
  return line.find("\"license\"") == std::string::npos &&
         line.find("\"generator\":\"m\"") == std::string::npos;
}

}  // namespace

TEST_CASE_METHOD(RoundTrip, "import, export and import changes nothing, in every format") {
  std::map<std::string, std::string> lines;
  for (const auto& [format, line] : test::canonical_lines()) lines[format] += line + "\n";
  for (const auto& [format, text] : lines) {
    INFO(format);
    check(file(text, "in.jsonl"), format);
  }
}

TEST_CASE_METHOD(RoundTrip,
                 "a record comes out as it went in, and kwise says what any other format said of a ranking") {
  for (const auto& [format, line] : test::canonical_lines()) {
    INFO(format << ": " << line);
    std::filesystem::remove(folder_ / "a.db");
    import("a.db", file(line + "\n", "in.jsonl"));
    const std::string out = export_as("a.db", format, "out.jsonl");
    if (keeps_every_byte(line)) CHECK(test::read_file(out) == line + "\n");
    const std::string kwise = export_as("a.db", "kwise", "kwise.jsonl");
    if (exported_.lines == 0) continue;  // no ranking
    const DataImportResult again = import("a.db", kwise);
    CHECK(again.imported == 0);
    CHECK(again.already_present == 1);
  }
}

TEST_CASE_METHOD(RoundTrip, "tables survive as well") {
  check(file("prompt,chosen,rejected,margin,id\n\"p, \"\"q\"\"\n\",a,\"b\r\nc\",0.5,\np,x,y,,7\n", "in.csv"),
        "trl-preference", ".csv");
  check(file("prompt\tresponse_1\trank_1\tresponse_2\trank_2\np\ta\t2\tb\t1\n", "in.tsv"), "kwise-columns",
        ".tsv");
  check(file("prompt,completion,label\np,a,true\n", "in.csv"), "trl-unpaired", ".csv.gz");
}

TEST_CASE_METHOD(RoundTrip, "real files survive") {
  for (const auto& [name, format] :
       {std::pair{"hh_harmless_1800.jsonl.gz", "hh"}, {"oasst_en_100_tree.jsonl.gz", "oasst"}}) {
    const auto path = test::shared_data(name);
    if (path.empty()) return;
    INFO(name);
    check(path.string(), format, ".jsonl.gz");
  }
}

TEST_CASE_METHOD(RoundTrip, "a response of 10 MB survives, in lines, in an array and in a table") {
  std::string text(10 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 997) text[i] = "\"\\\n, \t"[i % 6];
  const nlohmann::ordered_json record = {{"prompt", "p"}, {"chosen", text}, {"rejected", "short"}};
  check(file(record.dump() + "\n", "in.jsonl"), "trl-preference");
  check(file("[" + record.dump() + "]", "in.json"), "trl-preference");
  check((folder_ / "a.jsonl").string(), "trl-preference", ".csv");
}

TEST_CASE_METHOD(RoundTrip, "a label without an id of its own does not take its prompt's") {
  import("a.db", file(R"({"prompt": "p", "id": "of the prompt"})", "prompts.jsonl"));
  import("a.db", file(R"({"prompt": "p", "chosen": "a", "rejected": "b"})", "pairs.jsonl"));
  const std::string out = export_as("a.db", "trl-preference", "out.jsonl");
  CHECK(test::read_file(out) == "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n");
  CHECK(import("a.db", out).already_present == 1);
}

}  // namespace rlhf
