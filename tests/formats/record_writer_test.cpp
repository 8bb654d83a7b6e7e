#include "formats/record_writer.h"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <thread>

#include <sys/stat.h>

#include "contract/error.h"
#include "formats/format.h"
#include "tests/formats/canonical_lines.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

class Writing {
 public:
  std::string write(const test::Reading& reading, const std::string& format,
                    const std::string& name = "out.jsonl") {
    RecordWriter writer((folder_ / name).string(), format);
    for (const ImportRecord& record : reading.records) writer.write(record);
    writer.finish();
    left_out_ = writer.left_out();
    return (folder_ / name).string();
  }

 protected:
  test::TemporaryFolder folder_;
  std::map<std::string, int64_t> left_out_;
};

}  // namespace

TEST_CASE_METHOD(Writing, "what is read is written again byte for byte, keys in the format's order") {
  for (const auto& [format, line] : test::canonical_lines()) {
    INFO(format << ": " << line);
    const auto reading = test::read_text(line);
    REQUIRE(reading.records.size() == 1);
    CHECK(reading.summary.format == format);
    CHECK(test::read_file(write(reading, format)) == line + "\n");
  }
}

TEST_CASE_METHOD(Writing, "every format that is written has a line in this test") {
  for (const Format& format : formats()) {
    if (!format.write) continue;
    INFO(format.name);
    CHECK(std::any_of(test::canonical_lines().begin(), test::canonical_lines().end(),
                      [&](const auto& entry) { return entry.first == format.name; }));
  }
}

TEST_CASE_METHOD(Writing, "real HH dialogues come back as the bytes they were") {
  const auto path = test::shared_data("hh_harmless_1800.jsonl.gz");
  if (path.empty()) return;
  const auto first = test::read_all(path.string());
  const auto second = test::read_all(write(first, "hh", "hh.jsonl.gz"));
  REQUIRE(second.records.size() == first.records.size());
  CHECK(second.rejected.empty());
  for (std::size_t i = 0; i < first.records.size(); ++i) {
    CHECK(test::ranking(second, i).prompt == test::ranking(first, i).prompt);
    CHECK(test::ranking(second, i).responses == test::ranking(first, i).responses);
  }
}

TEST_CASE_METHOD(Writing, "real Open-Assistant groups survive kwise and oasst") {
  const auto path = test::shared_data("oasst_en_100_tree.jsonl.gz");
  if (path.empty()) return;
  const auto first = test::read_all(path.string());
  for (const char* format : {"kwise", "oasst"}) {
    const auto second = test::read_all(write(first, format));
    REQUIRE(second.records.size() == first.records.size());
    for (std::size_t i = 0; i < first.records.size(); ++i) {
      CHECK(test::ranking(second, i).prompt == test::ranking(first, i).prompt);
      CHECK(test::ranking(second, i).responses == test::ranking(first, i).responses);
      CHECK(test::ranking(second, i).ranks == test::ranking(first, i).ranks);
      CHECK(second.records[i].provenance == first.records[i].provenance);
    }
  }
}

TEST_CASE_METHOD(Writing, "a ranking of K becomes its untied pairs where a format knows only pairs") {
  const auto reading =
      test::read_text(R"({"prompt": "p", "responses": ["a", "b", "c"], "ranks": [1, 2, 2]})");
  CHECK(test::read_file(write(reading, "trl-preference")) ==
        "{\"prompt\":\"p\",\"chosen\":\"a\",\"rejected\":\"b\"}\n{\"prompt\":\"p\",\"chosen\":\"a\","
        "\"rejected\":\"c\"}\n");
}

TEST_CASE_METHOD(Writing, "a ranking of three with a tie in the words of each format") {
  // b is best, a and c tie behind it.
  const auto reading = test::read_text(
      R"({"prompt": "p", "responses": [{"text": "a", "model": "x", "ratings": {"overall": 1, "wit": 3}}, )"
      R"({"text": "b", "ratings": {"overall": 2.5}}, {"text": "c", "model": "z", "ratings": {"overall": 1}}], )"
      R"("ranks": [2, 1, 2], "id": "7", "annotator": "ann"})");
  const auto written = [&](const std::string& format) {
    std::vector<nlohmann::json> lines;
    std::istringstream text(test::read_file(write(reading, format)));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  };
  const auto arena = written("arena");
  REQUIRE(arena.size() == 3);
  CHECK(arena[0]["winner"] == "model_b");
  CHECK(arena[0]["model_a"] == "x");
  CHECK(arena[0]["conversation_b"][1]["content"] == "b");
  CHECK(arena[1]["winner"] == "tie");
  CHECK(arena[2]["winner"] == "model_a");
  CHECK(arena[2]["judge"] == "ann");
  const auto alpaca_eval = written("alpaca-eval");
  REQUIRE(alpaca_eval.size() == 3);
  CHECK(alpaca_eval[0]["preference"] == 2.0);
  CHECK(alpaca_eval[1]["preference"] == 1.5);
  CHECK(alpaca_eval[2]["preference"] == 1.0);
  CHECK(alpaca_eval[2]["output_1"] == "b");
  CHECK(alpaca_eval[2]["generator_2"] == "z");
  const auto ultrafeedback = written("ultrafeedback");
  REQUIRE(ultrafeedback.size() == 1);
  CHECK(ultrafeedback[0]["completions"][1]["overall_score"] == 2.5);
  CHECK(ultrafeedback[0]["completions"][0]["annotations"]["wit"]["Rating"] == "3");
  CHECK(ultrafeedback[0]["models"] == nlohmann::json{"x", "", "z"});
  const auto argilla = written("argilla");
  REQUIRE(argilla.size() == 1);
  CHECK(argilla[0]["responses"]["ranking"][0]["value"][0] ==
        nlohmann::json{{"value", "response-2"}, {"rank", 1}});
  CHECK(argilla[0]["fields"]["response-3"] == "c");
  const auto tree = written("oasst");
  CHECK(tree.at(0)["prompt"]["replies"][1]["rank"] == 0);
  CHECK(tree[0]["prompt"]["replies"][2]["model_name"] == "z");
  const auto columns = written("kwise-columns");
  CHECK(columns.at(0)["rank_2"] == 1);
  CHECK(columns[0]["model_3"] == "z");
  const auto unpaired = written("trl-unpaired");
  REQUIRE(unpaired.size() == 3);
  CHECK(unpaired[1]["label"] == true);
  CHECK(unpaired[2]["label"] == false);
  CHECK(written("trl-preference").at(1)["score_chosen"] == 2.5);
  CHECK(written("label-studio").empty());
  CHECK(test::contains(left_out_.begin()->first, "knows no ties"));
  CHECK(written("summarize-from-feedback").empty());
}

TEST_CASE_METHOD(Writing, "UltraFeedback says only orders that its scores say") {
  const auto reading = test::read_text(
      R"({"prompt": "p", "responses": [{"text": "a", "ratings": {"overall": 1}}, {"text": "b", "ratings": {"overall": 2}}], "ranks": [1, 2]})"
      "\n"
      R"({"prompt": "p", "responses": [{"text": "a", "ratings": {"overall": 1}}, "b"], "ranks": [1, 2]})");
  CHECK(test::read_file(write(reading, "ultrafeedback")).empty());
  CHECK(left_out_.size() == 2);
}

TEST_CASE_METHOD(Writing, "what a format cannot say is left out and counted by reason") {
  const auto reading = test::read_text(R"({"prompt": "p", "responses": ["a", "b"], "ranks": [1, 1]})");
  CHECK(test::read_file(write(reading, "trl-preference")).empty());
  CHECK(left_out_.size() == 1);
  write(test::read_text(R"({"prompt": "p", "chosen": "a", "rejected": "b"})"), "hh");
  CHECK(left_out_.begin()->second == 1);
  CHECK(test::contains(left_out_.begin()->first, "not a dialogue"));
}

TEST_CASE_METHOD(Writing, "a dialogue whose text begins turns of its own is left out of HH") {
  const auto reading = test::read_text(
      R"({"prompt": [{"role": "user", "content": "p"}], "chosen": "a\n\nHuman: b", "rejected": "a\n\nAssistant: c"})"
      "\n"
      R"({"prompt": [{"role": "user", "content": "p\n\nAssistant: q"}], "chosen": "a", "rejected": "b"})");
  REQUIRE(reading.records.size() == 2);
  const auto back = test::read_all(write(reading, "hh"));
  REQUIRE(back.records.size() == 1);
  // Apart from its first answer's start nothing is shared, so that this one is read as it was.
  CHECK(test::ranking(back).responses == test::ranking(reading).responses);
  CHECK(test::contains(left_out_.begin()->first, "begins a turn in HH"));
}

TEST_CASE_METHOD(Writing, "a table has every column that any record has, and is read again as it was") {
  const auto reading = test::read_text(
      "{\"prompt\": \"p, \\\"q\\\"\\r\\n\", \"chosen\": \"a\\n\", \"rejected\": \" b\\t\"}\n"
      "{\"prompt\": \"\", \"chosen\": \"c;\", \"rejected\": \"d\\r\", \"margin\": 0.1, \"annotator\": "
      "\"Zoë\"}\n"
      "{\"prompt\": [{\"role\": \"user\", \"content\": \"x\"}], \"chosen\": \"a\", \"rejected\": \"b\"}\n");
  REQUIRE(reading.records.size() == 3);
  for (const std::string name : {"out.csv", "out.tsv", "out.csv.gz"}) {
    INFO(name);
    const auto back = test::read_all(write(reading, "trl-preference", name));
    REQUIRE(back.records.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(test::ranking(back, i).prompt == test::ranking(reading, i).prompt);
      CHECK(test::ranking(back, i).responses == test::ranking(reading, i).responses);
      CHECK(test::ranking(back, i).margin == test::ranking(reading, i).margin);
      CHECK(back.records[i].provenance == reading.records[i].provenance);
    }
    REQUIRE(left_out_.size() == 1);
    CHECK(test::contains(left_out_.begin()->first, "a list, which a cell cannot hold"));
  }
  CHECK(test::read_file(write(reading, "trl-preference", "out.csv")) ==
        "prompt,chosen,rejected,margin,annotator\n"
        "\"p, \"\"q\"\"\r\n\",\"a\n\", b\t,,\n"
        ",c;,\"d\r\",0.1,Zoë\n");
  const auto prompts = test::read_text("{\"prompt\": \"\"}\n{\"prompt\": \"a\"}\n");
  CHECK(test::read_all(write(prompts, "trl-prompt-only", "prompts.csv")).records.size() == 2);
}

TEST_CASE_METHOD(Writing, "a file appears only when it is finished, and what stood there stays until then") {
  test::write_file(folder_ / "out.jsonl", "old");
  {
    RecordWriter writer((folder_ / "out.jsonl").string(), "trl-language-modeling");
    writer.write(test::read_text(test::canonical_lines().front().second).records.at(0));
    CHECK(test::read_file(folder_ / "out.jsonl") == "old");
  }
  CHECK(test::read_file(folder_ / "out.jsonl") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder_.path()), {}) == 1);
  CHECK_THROWS_AS(RecordWriter((folder_ / "no" / "out.jsonl").string(), "kwise"), WorldError);
  CHECK_THROWS_AS(RecordWriter((folder_ / "x").string(), "no-such-format"), UserError);
}

TEST_CASE_METHOD(Writing, "a pipe or a device is written into, not replaced") {
  const auto pipe = folder_ / "pipe.jsonl";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::string received;
  std::thread reader([&] { received = test::read_file(pipe); });
  const auto reading = test::read_text(test::canonical_lines().front().second);
  write(reading, "trl-language-modeling", "pipe.jsonl");
  reader.join();
  CHECK(received == test::read_file(write(reading, "trl-language-modeling")));
  CHECK(std::filesystem::is_fifo(pipe));
}

}  // namespace rlhf
