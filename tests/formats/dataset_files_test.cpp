#include "formats/dataset_files.h"

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {

namespace {

/// Runs `action` and gives the message of the UserError it must throw.
template <typename Action>
std::string user_error(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  FAIL("no UserError was thrown");
  return {};
}

class DatasetFiles {
 public:
  std::string file(const std::string& text, const std::string& name = "data.jsonl") {
    test::write_file(folder_ / name, text);
    return (folder_ / name).string();
  }

  std::vector<Ranking> rankings(const std::string& text) {
    return PreferenceFiles({{file(text)}, {}, false}).rankings();
  }
  std::vector<Demonstration> demonstrations(const std::string& text) {
    return DemonstrationFiles({{file(text)}, {}, false}).demonstrations();
  }
  std::string ranking_error(const std::string& text) {
    return user_error([&] { rankings(text); });
  }

 private:
  test::TemporaryFolder folder_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE_METHOD(DatasetFiles, "a pair is a ranking of two with ranks 1 and 2") {
  const auto found =
      rankings(R"({"prompt": "Sky?", "chosen": " blue", "rejected": " green", "margin": 0.5})");
  REQUIRE(found.size() == 1);
  CHECK(found[0].prompt.text == "Sky?");
  CHECK(found[0].responses == std::vector<std::string>{" blue", " green"});
  CHECK(found[0].ranks == std::vector<int>{1, 2});
  CHECK(found[0].margin == 0.5);
  CHECK(contains(found[0].origin, "data.jsonl:1"));
}

TEST_CASE_METHOD(DatasetFiles, "one file may hold pairs and K-wise rankings") {
  const auto found = rankings(
      "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n\n"
      "{\"prompt\": \"a\", \"responses\": [\"x\", \"y\", \"z\"], \"ranks\": [2, 1, 2]}\n");
  REQUIRE(found.size() == 2);
  CHECK(found[1].ranks == std::vector<int>{2, 1, 2});
  CHECK(contains(found[1].origin, "data.jsonl:3"));
}

TEST_CASE_METHOD(DatasetFiles, "a bad line stops reading with file, line, field and what to do") {
  const std::string good = "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n";
  CHECK(contains(ranking_error(good + "{\"prompt\": \"a\", \"chosen\""), "data.jsonl:2: not valid JSON"));
  CHECK(contains(ranking_error(good + R"({"prompt": "a", "chosen": "b"})"),
                 "data.jsonl:2: field 'rejected' is missing"));
  CHECK(contains(ranking_error(good + R"({"prompt": "a"})"), "data.jsonl:2: field 'chosen' is missing"));
  CHECK(contains(ranking_error(R"({"prompt": "a", "chosen": "b"})"),
                 "data.jsonl:1: field 'rejected' is missing"));
  CHECK(contains(ranking_error(good + R"({"prompt": "a", "chosen": "b", "rejected": " "})"),
                 "field 'rejected' is empty"));
  CHECK(
      contains(ranking_error(good + R"({"prompt": "a", "chosen": "b", "rejected": "b"})"), "are identical"));
  CHECK(contains(ranking_error(good + R"({"prompt": "a", "chosen": 3, "rejected": "b"})"),
                 "field 'chosen' must be text"));
  CHECK(contains(ranking_error(good + "{\"prompt\": \"\xFF\"}"), "data.jsonl:2: not UTF-8 at byte 12"));
  CHECK(contains(ranking_error(good + "[1, 2]"), "must be an object, not a list"));
  CHECK(contains(ranking_error(good + "oops"), "--skip_bad_lines"));
}

TEST_CASE_METHOD(
    DatasetFiles,
    "records are the rankings with who said it, and are of their file when they name no source") {
  const std::string lines =
      "{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\", \"annotator\": \"ann\", \"source\": "
      "\"films\"}\n"
      "{\"prompt\": \"a\", \"responses\": [{\"text\": \"b\", \"ratings\": {\"mean\": 2}}, \"c\"], \"ranks\": "
      "[2, 1], "
      "\"split\": \"dev\"}\n";
  const auto found = PreferenceFiles({{file(lines)}, {}, false}).records();
  REQUIRE(found.size() == 2);
  CHECK(std::get<Ranking>(found[1].content).ranks == std::vector<int>{2, 1});
  CHECK(found[0].provenance.annotator == "ann");
  CHECK(found[0].provenance.source == "films");
  CHECK(found[1].provenance.source == file(lines));
  CHECK(found[1].provenance.split == "dev");
  CHECK(found[1].provenance.ratings == std::vector<ResponseRating>{{0, "mean", 2}});
}

TEST_CASE_METHOD(DatasetFiles, "skip_bad_lines leaves bad lines out and counts them") {
  PreferenceFiles files(
      {{file("{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\noops\n{\"prompt\": 1}\n")},
       {},
       true});
  CHECK(files.rankings().size() == 1);
  CHECK(files.report().records == 1);
  CHECK(files.report().skipped == 2);
  REQUIRE(files.report().reasons.size() == 2);
  CHECK(contains(files.report().reasons[0], "data.jsonl:2: not valid JSON"));
}

TEST_CASE_METHOD(DatasetFiles, "nothing usable is an error even when bad lines are skipped") {
  const auto message = user_error([&] { PreferenceFiles({{file("oops\n")}, {}, true}).rankings(); });
  CHECK(contains(message, "no usable record; the first problem"));
  CHECK(contains(user_error([&] { rankings(""); }), "the data are empty"));
  CHECK(contains(user_error([] {
                   PreferenceFiles({{"/no/such/file.jsonl"}, {}, true}).rankings();
                 }),
                 "no such file"));
}

TEST_CASE_METHOD(DatasetFiles, "demonstrations come as text, prompt with completion, or conversation") {
  const auto found = demonstrations(
      "{\"text\": \"once\"}\n{\"prompt\": \"a\", \"completion\": \" b\"}\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hi\"}, {\"role\": \"assistant\", \"content\": "
      "\"ho\"}]}\n");
  REQUIRE(found.size() == 3);
  CHECK(found[0].form == Demonstration::Form::kText);
  CHECK(found[0].completion == "once");
  CHECK(found[1].form == Demonstration::Form::kPromptCompletion);
  CHECK(found[1].prompt.text == "a");
  CHECK(found[1].completion == " b");
  CHECK(found[2].form == Demonstration::Form::kConversation);
  CHECK(found[2].prompt.messages.size() == 2);
  CHECK(found[2].first_supervised_message == 0);
}

TEST_CASE_METHOD(DatasetFiles, "a conversational completion supervises what follows the prompt") {
  const auto found = demonstrations(
      R"({"prompt": [{"role": "user", "content": "hi"}], "completion": [{"role": "assistant", "content": "ho"}]})");
  REQUIRE(found.size() == 1);
  CHECK(found[0].prompt.messages.size() == 2);
  CHECK(found[0].first_supervised_message == 1);
}

TEST_CASE_METHOD(DatasetFiles, "a demonstration must have something to learn from") {
  const auto error_of = [&](const std::string& text) { return user_error([&] { demonstrations(text); }); };
  CHECK(
      contains(error_of(R"({"messages": [{"role": "user", "content": "hi"}]})"), "no turn of the assistant"));
  CHECK(contains(error_of(R"({"prompt": "a", "completion": ""})"), "field 'completion' is empty"));
  CHECK(contains(error_of(R"({"prompt": "a", "chosen": "b", "rejected": "c"})"),
                 "a ranking is not a demonstration"));
}

TEST_CASE_METHOD(DatasetFiles, "a text file is one demonstration without byte order mark and CRLF") {
  DemonstrationFiles files({{file("\xEF\xBB\xBFone\r\ntwo\r\n", "book.txt")}, {}, false});
  const auto found = files.demonstrations();
  REQUIRE(found.size() == 1);
  CHECK(found[0].completion == "one\ntwo\n");
}

TEST_CASE_METHOD(DatasetFiles, "prompts are taken from every kind that has one") {
  const std::string chat =
      R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]})";
  const std::string only = R"({"prompt": [{"role": "user", "content": "hi"}]})";
  const std::string pair = R"({"prompt": "a", "chosen": "b", "rejected": "c"})";
  PromptFiles files({{file(chat, "1.jsonl"), file(only, "2.jsonl"), file(pair, "3.jsonl")}, {}, false});
  const auto found = files.prompts();
  REQUIRE(found.size() == 3);
  CHECK(found[0].messages == Conversation{{"user", "hi"}});
  CHECK(found[1] == found[0]);
  CHECK(found[2].text == "a");
}

}  // namespace rlhf
