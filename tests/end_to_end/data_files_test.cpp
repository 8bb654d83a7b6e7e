// Data files as they come from tools and spreadsheets, given to the commands that read and write them.
#include <zlib.h>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Sample {
  std::string name, bytes, format;
};

/// The same two pairs, as different programs write them.
const std::vector<Sample> kSamples = {
    {"lines.jsonl",
     "{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": \"b\"}\n"
     "{\"prompt\": \"q\", \"chosen\": \"c\", \"rejected\": \"d\"}\n",
     "trl-preference"},
    {"array.json",
     "[{\"prompt\": \"p\", \"chosen\": \"a\", \"rejected\": \"b\"},\n"
     " {\"prompt\": \"q\", \"chosen\": \"c\", \"rejected\": \"d\"}]",
     "trl-preference"},
    {"pretty.json",
     "{\n  \"prompt\": \"p\",\n  \"chosen\": \"a\",\n  \"rejected\": \"b\"\n}\n"
     "{\n  \"prompt\": \"q\",\n  \"chosen\": \"c\",\n  \"rejected\": \"d\"\n}\n",
     "trl-preference"},
    {"excel.csv", "\xEF\xBB\xBFprompt,chosen,rejected\r\np,a,b\r\n\"q\",\"c\",\"d\"\r\n", "trl-preference"},
    {"european.csv", "prompt;chosen;rejected\r\np;a;b\r\nq;c;d\r\n", "trl-preference"},
    {"tabs.tsv", "prompt\tchosen\trejected\np\ta\tb\nq\tc\td\n", "trl-preference"},
    {"ranked.csv", "prompt,response_1,rank_1,response_2,rank_2\np,a,1,b,2\nq,c,1,d,2\n", "kwise-columns"},
    {"kwise.jsonl",
     "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\"], \"ranks\": [1, 2]}\n"
     "{\"prompt\": \"q\", \"responses\": [\"c\", \"d\"], \"ranking\": [0, 1]}\n",
     "kwise"}};

std::string gzip(const std::string& bytes) {
  TemporaryFolder folder;
  gzFile file = gzopen((folder / "x.gz").c_str(), "wb");
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  gzclose(file);
  return read_file(folder / "x.gz");
}

json counts_of(const RunResult& result) {
  return parse_lines(result.out).at(0);
}

json import_well(const Flags& flags, const std::string& input = "") {
  return counts_of(run_well(Flags{"data", "import"} + flags, {.input = input}));
}

}  // namespace

TEST_CASE("the format is told from the records, compressed or not, from a file or standard input",
          "[data_files]") {
  TemporaryFolder folder;
  const Flags db = {"--db", folder / "ledger.db"};
  int64_t imported = 0;
  for (const auto& [name, bytes, format] : kSamples) {
    INFO(name);
    write_file(folder / name, bytes);
    write_file(folder / (name + ".gz"), gzip(bytes));
    const json first = import_well(db + Flags{folder / name});
    imported += first["imported"].get<int64_t>();
    CHECK(first["format"] == format);
    CHECK(first["rejected"] == 0);
    CHECK(import_well(db + Flags{folder / (name + ".gz")})["already_present"] == 2);
    // A table on standard input has no name to tell it by.
    const std::string extension = fs::path(name).extension();
    const Flags told =
        extension == ".csv" || extension == ".tsv" ? Flags{"--format", extension.substr(1)} : Flags{};
    CHECK(import_well(db + told + Flags{"-"}, bytes)["already_present"] == 2);
    CHECK(import_well(db + told + Flags{"-"}, gzip(bytes))["already_present"] == 2);
  }
  CHECK(imported == 2);  // whoever wrote them, they are the same two pairs
}

TEST_CASE("a pipe is read once, whole, by any name", "[data_files]") {
  TemporaryFolder folder;
  constexpr int64_t kRecords = 20'000;  // more than a pipe and a reader hold
  std::string lines;
  for (int64_t i = 0; i < kRecords; ++i)
    lines +=
        json{{"prompt", "Question " + std::to_string(i)}, {"completion", std::string(60, 'x')}}.dump() + "\n";
  const json result = import_well({"--db", folder / "ledger.db", "/dev/stdin"}, lines);
  CHECK(result["imported"] == kRecords);
}

TEST_CASE("a dry run says what would happen and leaves nothing behind", "[data_files]") {
  TemporaryFolder folder;
  const std::string file = folder / "data.jsonl";
  write_file(file, kSamples[0].bytes + "oops\n");
  const json would = import_well({"--db", folder / "ledger.db", "--dry_run", file});
  CHECK(would["dry_run"] == true);
  CHECK(would["imported"] == 2);
  CHECK(would["rejected"] == 1);
  CHECK(!fs::exists(folder / "ledger.db"));
  import_well({"--db", folder / "ledger.db", file});
  const std::string before = read_file(folder / "ledger.db");
  CHECK(import_well({"--db", folder / "ledger.db", "--dry_run", file})["already_present"] == 2);
  CHECK(read_file(folder / "ledger.db") == before);
}

TEST_CASE("rejected records are kept whole, whoever refused them, and can be mended and read again",
          "[data_files]") {
  TemporaryFolder folder;
  const std::string rejected = folder / "rejected.jsonl";
  const std::string good = R"({"prompt": "p", "chosen": "a", "rejected": "b"})";
  const std::string no_text = R"({"prompt": "p", "chosen": "a"})";
  const std::string refused_by_ledger = R"({"prompt": ""})";
  const json pairs =
      import_well({"--db", folder / "ledger.db", "--rejected", rejected, "-"}, good + "\n" + no_text + "\n");
  CHECK(pairs["rejected"] == 1);
  CHECK(parse_lines(read_file(rejected)).at(0)["record"] == no_text);
  const json prompts = import_well({"--db", folder / "ledger.db", "--rejected", rejected, "-"},
                                   "{\"prompt\": \"p\"}\n" + refused_by_ledger + "\n");
  CHECK(prompts["rejected"] == 1);
  const auto kept = parse_lines(read_file(rejected));
  REQUIRE(kept.size() == 1);  // written anew
  CHECK(kept[0]["record"] == refused_by_ledger);
  CHECK(kept[0]["line"] == 2);
  CHECK(kept[0]["reason"] == "the prompt is empty");
  import_well({"--db", folder / "ledger.db", "--rejected", rejected, "-"}, good);
  CHECK(read_file(rejected).empty());
}

TEST_CASE("columns of any names are mapped, for import and for trainers", "[data_files]") {
  TemporaryFolder folder;
  const std::string file = folder / "survey.csv";
  write_file(file, "Question,Better answer,Worse answer\nThe film, was good., was bad.\n");
  const std::string columns = "prompt=Question,chosen=Better answer,rejected=Worse answer";
  CHECK(import_well({"--db", folder / "ledger.db", "--columns", columns, file})["imported"] == 1);
  check_refused({"data", "import", "--db", folder / "ledger.db", "--columns", "prompt=question", file},
                {file + ":1: no column is called 'question'", "Question, Better answer"});
  run_well(train_flags("reward") + Flags{"--dataset", file, "--columns", columns, "--max_steps", "1",
                                         "--output_dir", folder / "run"});
  check_run_refused(train_flags("reward") + Flags{"--dataset", file},
                    {file + ":2", "Better answer", "--columns"});
  check_run_refused(train_flags("reward") + Flags{"--dataset", file, "--columns", "prompt"}, {"NAME=COLUMN"});
}

TEST_CASE("files in another encoding or of another kind are refused by name", "[data_files]") {
  TemporaryFolder folder;
  const auto refused = [&](const std::string& name, const std::string& bytes, const Words& words) {
    write_file(folder / name, bytes);
    check_refused({"data", "import", "--db", folder / "ledger.db", folder / name}, words);
  };
  refused("a.csv", std::string("\xFF\xFEp\0r\0", 6), {"a.csv: is UTF-16", "iconv -f UTF-16 -t UTF-8"});
  refused("a.xlsx", "PK\x03\x04....", {"a.xlsx: is an Excel workbook", "CSV UTF-8"});
  refused("a.parquet", "PAR1....", {"a.parquet: is a Parquet file", "to_json"});
  refused("a.jsonl", "BZh91AY", {"bzip2", "unpack"});
  // Mixed: the lines that are UTF-8 are kept, the other one is told by its letter.
  write_file(folder / "mixed.csv", "prompt,completion\ncaf\xC3\xA9,a\ncaf\xE9,b\nplain,c\n");
  const RunResult mixed = run_well({"data", "import", "--db", folder / "ledger.db", folder / "mixed.csv"});
  CHECK(counts_of(mixed)["imported"] == 2);
  CHECK_THAT(mixed.err, contains("mixed.csv:3: not UTF-8 at byte 3"));
  CHECK_THAT(mixed.err, contains("'\xC3\xA9'"));
}

TEST_CASE("files without a record say so, and other files are not held up by them", "[data_files]") {
  TemporaryFolder folder;
  write_file(folder / "empty.jsonl", "");
  write_file(folder / "header.csv", "prompt,chosen,rejected\n");
  write_file(folder / "good.jsonl", kSamples[0].bytes);
  const RunResult none =
      run({"data", "import", "--db", folder / "l.db", folder / "empty.jsonl", folder / "header.csv"});
  CHECK(none.exit_code == 2);
  CHECK_THAT(none.err, contains("empty.jsonl: holds no record"));
  CHECK_THAT(none.err, contains("header.csv: holds no record"));
  CHECK(!fs::exists(folder / "l.db"));
  const RunResult some =
      run_well({"data", "import", "--db", folder / "l.db", folder / "empty.jsonl", folder / "good.jsonl"});
  CHECK(counts_of(some)["imported"] == 2);
  CHECK_THAT(some.err, contains("empty.jsonl: holds no record"));
}

TEST_CASE("a compressed file cut short gives what it holds and says what is missing", "[data_files]") {
  TemporaryFolder folder;
  std::string lines;
  for (int i = 0; i < 4000; ++i)
    lines += json{{"prompt", "prompt " + std::to_string(i * 7919 % 10007)}}.dump() + "\n";
  const std::string whole = gzip(lines);
  write_file(folder / "cut.jsonl.gz", whole.substr(0, whole.size() / 2));
  const RunResult result = run_well({"data", "import", "--db", folder / "l.db", folder / "cut.jsonl.gz"});
  CHECK(counts_of(result)["imported"] > 100);
  CHECK(counts_of(result)["rejected"] == 1);
  CHECK_THAT(result.err, contains("the gzip data are damaged or cut short"));
}

TEST_CASE("nothing that is read is written over", "[data_files]") {
  TemporaryFolder folder;
  const std::string file = folder / "data.jsonl", db = folder / "ledger.db";
  write_file(file, kSamples[0].bytes);
  import_well({"--db", db, file});
  check_refused({"data", "import", "--db", db, "--rejected", file, file}, {"--rejected", "overwrite"});
  check_refused({"data", "import", "--db", db, "--rejected", db, file}, {"--rejected", "overwrite"});
  check_refused({"data", "export", "--db", db, "--format", "kwise", "--output", db},
                {"is the ledger itself"});
  CHECK(read_file(file) == kSamples[0].bytes);
  CHECK(import_well({"--db", db, file})["already_present"] == 2);
}

TEST_CASE("export writes lines, tables and compressed files, and counts what a format cannot say",
          "[data_files]") {
  TemporaryFolder folder;
  const std::string db = folder / "ledger.db";
  import_well({"--db", db, "-"},
              R"({"prompt": "p", "responses": ["a", "b", "c"], "ranks": [1, 2, 2]})"
              "\n"
              R"({"prompt": [{"role": "user", "content": "q"}], "responses": ["a", "b"], "ranks": [1, 1]})");
  const auto exported = [&](const std::string& format, const std::string& name) {
    const json counts =
        counts_of(run_well({"data", "export", "--db", db, "--format", format, "--output", folder / name}));
    CHECK(counts["records"] == 2);
    return counts;
  };
  CHECK(exported("kwise", "a.jsonl")["lines"] == 2);
  CHECK(exported("trl-preference", "a.csv.gz")["lines"] == 2);
  CHECK(exported("trl-preference", "b.jsonl")["left_out"].dump().find("tied") != std::string::npos);
  const json table = exported("kwise-columns", "a.csv");
  CHECK(table["lines"] == 1);
  CHECK(table["left_out"].dump().find("a cell cannot hold") != std::string::npos);
  CHECK(read_file(folder / "a.csv") ==
        "prompt,response_1,rank_1,response_2,rank_2,response_3,rank_3\np,a,1,b,2,c,2\n");
  CHECK(import_well({"--db", db, folder / "a.csv"})["already_present"] == 1);
  check_refused({"data", "export", "--db", db, "--format", "gsm8k"}, {"'gsm8k' is only read"});
}

}  // namespace rlhf::test
