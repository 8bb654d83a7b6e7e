#include "contract/error.h"
#include "data/export.h"
#include "data/import.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

namespace fs = std::filesystem;

class Ledger {
 public:
  std::string file(const std::string& text, const std::string& name = "data.jsonl") {
    test::write_file(folder_ / name, text);
    return (folder_ / name).string();
  }

  DataImportOptions options(std::vector<std::string> files) {
    return {folder_ / "ledger.db", std::move(files), {}, {}, false, "test"};
  }
  DataImportResult import(const std::string& path) { return import_data(options({path})); }

  test::Reading export_as(const std::string& format, const std::string& name,
                          const std::string& split = "all") {
    result_ = export_data({folder_ / "ledger.db", format, split, {}, {}, (folder_ / name).string()});
    return test::read_all((folder_ / name).string(), format);
  }

 protected:
  test::TemporaryFolder folder_;
  DataExportResult result_;
};

const char* const kPairs =
    "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\", \"annotator\": \"ann\", \"chosen_model\": "
    "\"m\"}\n"
    "{\"prompt\": \"a\", \"chosen\": \"b\"}\n"
    "{\"prompt\": \"d\", \"chosen\": \"e\", \"rejected\": \"f\"}\n"
    "\xFF\n";

}  // namespace

TEST_CASE_METHOD(Ledger, "good records are kept, the rest is counted and kept with its reason") {
  auto with_rejected = options({file(kPairs)});
  with_rejected.rejected = folder_ / "rejected.jsonl";
  const auto result = import_data(with_rejected);
  CHECK(result.format == "trl-preference");
  CHECK(result.imported == 2);
  CHECK(result.already_present == 0);
  CHECK(result.rejected == 2);
  REQUIRE(result.first_reasons.size() == 2);
  CHECK(test::contains(result.first_reasons[0], "data.jsonl:2: field 'rejected' is missing"));
  const std::string kept = test::read_file(with_rejected.rejected);
  CHECK(test::contains(kept, R"("line":2,"reason":"field 'rejected' is missing","record":"{\"prompt\")"));
  CHECK(test::contains(kept, R"("line":4,"reason":"not UTF-8 at byte 0")"));
}

TEST_CASE_METHOD(Ledger, "the same file again changes nothing") {
  const std::string path = file(kPairs);
  import(path);
  const auto again = import(path);
  CHECK(again.imported == 0);
  CHECK(again.already_present == 2);
  CHECK(again.rejected == 2);
  CHECK(export_as("kwise", "out.jsonl").records.size() == 2);
}

TEST_CASE_METHOD(Ledger, "a dry run counts and leaves no trace") {
  auto dry = options({file(kPairs)});
  dry.dry_run = true;
  const auto result = import_data(dry);
  CHECK(result.imported == 2);
  CHECK(result.rejected == 2);
  CHECK_FALSE(fs::exists(folder_ / "ledger.db"));
  import(file(kPairs));
  const auto second = import_data(dry);
  CHECK(second.imported == 0);
  CHECK(second.already_present == 2);
}

TEST_CASE_METHOD(Ledger, "without a good record no ledger is made") {
  const auto result = import(file("oops\n{\"prompt\": 3}\n"));
  CHECK_FALSE(result.any_good());
  CHECK(result.rejected == 2);
  CHECK_FALSE(fs::exists(folder_ / "ledger.db"));
  CHECK_THROWS_AS(import((folder_ / "absent.jsonl").string()), UserError);
}

TEST_CASE_METHOD(Ledger, "several files of several formats go in at once") {
  const auto result = import_data(
      options({file(kPairs, "1.jsonl"), file(R"({"prompt": "x", "completion": "y"})", "2.jsonl")}));
  CHECK(result.format == "trl-preference,trl-prompt-completion");
  CHECK(result.imported == 3);
  CHECK(export_as("trl-prompt-completion", "out.jsonl").records.size() == 1);
}

TEST_CASE_METHOD(Ledger, "rankings come out with all that went in") {
  const std::string line =
      R"({"prompt":"p","responses":[{"text":"a","model":"m","id":"r1","ratings":{"overall":4.5}},{"text":"b","id":"r2"},{"text":"c","id":"r3"}],"ranks":[2,1,2],"id":"5","source":"s","annotator":"ann","confidence":0.5,"note":"n"})";
  import(file(line));
  export_as("kwise", "out.jsonl");
  CHECK(test::read_file(folder_ / "out.jsonl") == line + "\n");
  CHECK(result_.records == 1);
  CHECK(result_.lines == 1);
  export_as("trl-preference", "pairs.jsonl");
  CHECK(result_.lines == 2);
}

TEST_CASE_METHOD(Ledger, "real files survive import, export and import") {
  for (const auto& [name, format, records] :
       {std::tuple{"hh_harmless_1800.jsonl.gz", "hh", 1796}, {"oasst_en_100_tree.jsonl.gz", "oasst", 211}}) {
    const auto path = test::shared_data(name);
    if (path.empty()) return;
    fs::remove(folder_ / "ledger.db");
    const auto result = import(path.string());
    CHECK(result.format == format);
    CHECK(result.imported + result.already_present == records);
    const auto exported = export_as(format, "out.jsonl.gz");
    CHECK(exported.rejected.empty());
    CHECK(static_cast<int64_t>(exported.records.size()) == result.imported);
    const auto again = import((folder_ / "out.jsonl.gz").string());
    CHECK(again.imported == 0);
    CHECK(again.already_present == result.imported);
  }
}

TEST_CASE_METHOD(Ledger, "splits are disjoint and add up") {
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += "{\"prompt\": \"prompt " + std::to_string(i) + "\"}\n";
  import(file(lines));
  const std::size_t train = export_as("trl-prompt-only", "a.jsonl", "train").records.size();
  const std::size_t valid = export_as("trl-prompt-only", "b.jsonl", "valid").records.size();
  const std::size_t test = export_as("trl-prompt-only", "c.jsonl", "test").records.size();
  CHECK(train + valid + test == 300);
  CHECK(train > 240);
  CHECK(valid > 0);
  CHECK_THROWS_AS(export_as("trl-prompt-only", "d.jsonl", "dev"), UserError);
  CHECK_FALSE(fs::exists(folder_ / "d.jsonl"));
}

TEST_CASE_METHOD(Ledger, "exporting from a ledger that is not there is an error and makes none") {
  CHECK_THROWS_AS(export_as("kwise", "out.jsonl"), UserError);
  CHECK_FALSE(fs::exists(folder_ / "ledger.db"));
}

}  // namespace rlhf
