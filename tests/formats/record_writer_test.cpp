#include "formats/record_writer.h"

#include <algorithm>
#include <filesystem>

#include "contract/error.h"
#include "formats/format.h"
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

/// One line of each format that is written, in the form our writer gives it.
const std::vector<std::pair<std::string, std::string>>& canonical_lines() {
  static const std::vector<std::pair<std::string, std::string>> kLines = {
      {"trl-language-modeling", R"({"text":"once upon","id":"7","license":"MIT"})"},
      {"trl-language-modeling",
       R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]})"},
      {"trl-prompt-only", R"({"prompt":"Say \"a\"\n"})"},
      {"trl-prompt-only", R"({"prompt":[{"role":"system","content":""},{"role":"user","content":"hi"}]})"},
      {"trl-prompt-completion", R"({"prompt":"a","completion":" b"})"},
      {"trl-prompt-completion",
       R"({"prompt":[{"role":"user","content":"a"}],"completion":[{"role":"assistant","content":"b"}]})"},
      {"trl-preference",
       R"({"prompt":"p","chosen":" a","rejected":" b","margin":0.25,"chosen_model":"x","rejected_model":"y","score_chosen":9.0,"score_rejected":2.0,"id":"q1","annotator":"ann","confidence":3.0})"},
      {"trl-preference",
       R"({"prompt":[{"role":"user","content":"p"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]})"},
      {"trl-preference-implicit", R"({"chosen":"The sky is blue.","rejected":"The sky is green."})"},
      {"trl-preference-implicit",
       R"({"chosen":[{"role":"user","content":"p"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"b"}]})"},
      {"trl-unpaired", R"({"prompt":"p","completion":" a","label":false,"annotator":"ann","model":"m"})"},
      {"ratings",
       R"({"prompt":"p","completion":" a","ratings":{"helpful":3,"true":-0.5},"model":"m","id":"7","annotator":"ann"})"},
      {"hh", R"({"chosen":"\n\nHuman: a\n\nAssistant: b","rejected":"\n\nHuman: a\n\nAssistant: c"})"},
      {"kwise",
       R"({"prompt":"p","responses":[{"text":"a","model":"m","id":"r1","ratings":{"overall":4.5}},{"text":"b"},{"text":"c"}],"ranks":[2,1,2],"id":"5","source":"s","split":"train","license":"CC0","annotator":"ann","confidence":0.5,"note":"n"})"},
      {"oasst",
       R"({"message_tree_id":"t","tree_state":"ready_for_export","prompt":{"message_id":"t","text":"Q","role":"prompter","deleted":false,"replies":[{"message_id":"a","text":"A","role":"assistant","deleted":false,"replies":[],"rank":1},{"message_id":"b","text":"B","role":"assistant","deleted":false,"replies":[],"rank":0,"synthetic":true,"model_name":"m"}]}})"},
      {"alpaca", R"({"instruction":"a","input":"","output":"b","generator":"m"})"},
      {"label-studio",
       R"({"id":"7","data":{"prompt":"p","items":[{"id":"1","title":"Response 1","body":"a"},{"id":"2","title":"Response 2","body":"b"}]},"annotations":[{"result":[{"from_name":"rank","to_name":"items","type":"ranker","value":{"ranker":["2","1"]}}],"was_cancelled":false,"completed_by":{"email":"e@x"}}]})"},
      {"argilla",
       R"({"id":"7","fields":{"prompt":"p","response-1":"a","response-2":"b"},"metadata":{},"suggestions":{},"responses":{"ranking":[{"value":[{"value":"response-1","rank":1},{"value":"response-2","rank":2}],"user_id":"u"}]}})"},
      {"sharegpt", R"({"conversations":[{"from":"human","value":"hi"},{"from":"gpt","value":"ho"}]})"},
  };
  return kLines;
}

}  // namespace

TEST_CASE_METHOD(Writing, "what is read is written again byte for byte, keys in the format's order") {
  for (const auto& [format, line] : canonical_lines()) {
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
    CHECK(std::any_of(canonical_lines().begin(), canonical_lines().end(),
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

TEST_CASE_METHOD(Writing, "what a format cannot say is left out and counted by reason") {
  const auto reading = test::read_text(R"({"prompt": "p", "responses": ["a", "b"], "ranks": [1, 1]})");
  CHECK(test::read_file(write(reading, "trl-preference")).empty());
  CHECK(left_out_.size() == 1);
  write(test::read_text(R"({"prompt": "p", "chosen": "a", "rejected": "b"})"), "hh");
  CHECK(left_out_.begin()->second == 1);
  CHECK(test::contains(left_out_.begin()->first, "not a dialogue"));
}

TEST_CASE_METHOD(Writing, "a file appears only when it is finished, and what stood there stays until then") {
  test::write_file(folder_ / "out.jsonl", "old");
  {
    RecordWriter writer((folder_ / "out.jsonl").string(), "kwise");
    writer.write(test::read_text(canonical_lines()[12].second).records.at(0));
    CHECK(test::read_file(folder_ / "out.jsonl") == "old");
  }
  CHECK(test::read_file(folder_ / "out.jsonl") == "old");
  CHECK(std::distance(std::filesystem::directory_iterator(folder_.path()), {}) == 1);
  CHECK_THROWS_AS(RecordWriter((folder_ / "no" / "out.jsonl").string(), "kwise"), WorldError);
  CHECK_THROWS_AS(RecordWriter((folder_ / "x").string(), "no-such-format"), UserError);
}

}  // namespace rlhf
