// Data that cannot be right: the line is named, and nothing is written.
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// One line that is good for each trainer that reads records.
const std::string& good_line(const std::string& stage) {
  static const std::map<std::string, std::string> kGood = {
      {"pretrain", R"({"text": "The film was good."})"},
      {"sft", R"({"prompt": "The film", "completion": " was good."})"},
      {"reward", R"({"prompt": "The film", "chosen": " was good.", "rejected": " was bad."})"},
      {"ppo", R"({"prompt": "The film"})"}};
  return kGood.at(stage);
}

/// Two good lines, the bad one, a good one.
std::string with_bad_line(const std::string& stage, const std::string& bad) {
  const std::string& good = good_line(stage);
  return tiny().file("bad.jsonl", good + "\n" + good + "\n" + bad + "\n" + good + "\n");
}

struct BadLine {
  std::string stage, line, reason;
};

const std::vector<BadLine> kBadLines = {
    {"pretrain", R"({"text": "The fi)", "JSON"},
    {"sft", R"({"prompt": "a", "completion": )", "JSON"},
    {"reward", R"(["prompt"])", "object"},
    {"ppo", R"({"prompt": "a"}})", "JSON"},
    {"pretrain", R"({"prompt": "a"})", "'text' is missing"},
    {"sft", R"({"prompt": "a"})", "'completion' is missing"},
    {"sft", R"({"completion": "a"})", "'prompt'"},
    {"reward", R"({"prompt": "a", "chosen": "b"})", "'rejected'"},
    {"reward", R"({"prompt": "a", "responses": ["b", "c"], "ranks": [1]})", "'ranks'"},
    {"ppo", R"({"question": "a"})", "'prompt' is missing"},
    {"sft", R"({"prompt": "a", "completion": ""})", "'completion'"},
    {"reward", R"({"prompt": "a", "chosen": "b", "rejected": ""})", "'rejected'"},
    {"reward", R"({"prompt": "a", "responses": ["b", ""], "ranks": [1, 2]})", "response 1 is empty"},
    {"reward", R"({"prompt": "a", "chosen": "b", "rejected": "b"})", "identical"},
    {"sft", R"({"messages": [{"role": "user", "content": "a"}]})", "assistant"},
    {"sft", "{\"prompt\": \"a\", \"completion\": \"\xff\xfe\"}", "UTF-8"},
    {"reward", "{\"prompt\": \"a\xc3\", \"chosen\": \"b\", \"rejected\": \"c\"}", "UTF-8"},
    {"sft", R"({"prompt": 7, "completion": "b"})", "'prompt'"}};

/// A text of more tokens than the tiny models have positions.
std::string long_text() {
  std::string text = "The";
  for (int i = 0; i < 90; ++i) text += " zq" + std::to_string(i);
  return text;
}

}  // namespace

TEST_CASE("a bad line stops a trainer, unless it may be left out", "[bad_data]") {
  for (const auto& [stage, line, reason] : kBadLines) {
    INFO(stage << " with " << line);
    const std::string file = with_bad_line(stage, line);
    check_run_refused(train_flags(stage) + Flags{"--dataset", file},
                      {file + ":3: ", reason, "--skip_bad_lines"});
  }
  for (const std::string& stage : trainers()) {
    INFO(stage);
    TemporaryFolder folder;
    const std::string file = with_bad_line(stage, "{");
    const RunResult result =
        run_well(train_flags(stage) + Flags{"--dataset", file, "--skip_bad_lines", "--max_steps", "1",
                                            "--output_dir", folder / "run"});
    CHECK_THAT(result.err, contains("1 bad record was left out"));
    CHECK_THAT(result.err, contains(file + ":3: "));
  }
}

TEST_CASE("data without a usable record are refused", "[bad_data]") {
  for (const std::string& stage : trainers()) {
    INFO(stage);
    const std::string bad = tiny().file("all_bad.jsonl", "{\n{\n"), empty = tiny().file("empty.jsonl", "");
    check_run_refused(train_flags(stage) + Flags{"--dataset", bad, "--skip_bad_lines"},
                      {bad, "no usable record"});
    check_run_refused(train_flags(stage) + Flags{"--dataset", empty}, {empty});
    check_run_refused(train_flags(stage) + Flags{"--dataset", "/nowhere/data.jsonl"},
                      {"/nowhere/data.jsonl"});
    check_run_refused(train_flags(stage), {"--dataset", "--db"});
  }
}

TEST_CASE("a data set without a supervised token is refused", "[bad_data]") {
  check_run_refused(train_on_tiny("sft") + Flags{"--max_length", "2"},
                    {"none of the 60 demonstrations", "supervised token", "--max_length 2"});
}

TEST_CASE("sequences longer than the context are refused before anything is computed", "[bad_data]") {
  const std::string text = long_text();
  const std::string prompts =
      tiny().json_lines("long_prompts.jsonl", {{{"prompt", "The film"}}, {{"prompt", text}}});
  check_run_refused(train_flags("ppo") + Flags{"--dataset", prompts},
                    {"prompt 2, \"The zq0 zq1", "context of 64"});
  check_run_refused(train_on_tiny("ppo") + Flags{"--response_length", "64"}, {"--response_length"});
  check_refused({"generate", "--model", tiny().policy}, {"standard input:1", "context"}, kExitUserError,
                {.input = json{{"prompt", text}}.dump()});
  check_refused({"generate", "--model", tiny().policy, "--max_new_tokens", "70"},
                {"standard input:1", "--max_new_tokens"}, kExitUserError,
                {.input = R"({"prompt": "The film"})"});
  check_refused({"logprobs", "--model", tiny().policy}, {"standard input:1", "64"}, kExitUserError,
                {.input = json{{"text", text}}.dump()});
  check_refused({"score", "--model", tiny().reward_model}, {"standard input:1", "64"}, kExitUserError,
                {.input = json{{"prompt", text}, {"response", "b"}}.dump()});
}

TEST_CASE("training data longer than the context lose their end or are left out, and that is told",
          "[bad_data]") {
  TemporaryFolder folder;
  const std::string text = long_text();
  const std::string demonstrations =
      tiny().json_lines("long_demonstrations.jsonl", {{{"prompt", "The film"}, {"completion", text}}});
  const std::string rankings =
      tiny().json_lines("long_rankings.jsonl", {{{"prompt", "a"}, {"chosen", text}, {"rejected", "b"}},
                                                {{"prompt", "a"}, {"chosen", "b"}, {"rejected", "c"}}});
  const Flags step = {"--max_steps", "1", "--output_dir"};
  CHECK_THAT(
      run_well(train_flags("sft") + Flags{"--dataset", demonstrations} + step + Flags{folder / "sft"}).err,
      contains("1 cut to"));
  CHECK_THAT(
      run_well(train_flags("reward") + Flags{"--dataset", rankings} + step + Flags{folder / "reward"}).err,
      contains("1 left out, longer than"));
  const std::string texts = tiny().json_lines("long_texts.jsonl", {{{"text", text + text}}});
  run_well(train_flags("pretrain") + Flags{"--dataset", texts, "--block_size", "200"} + step +
           Flags{folder / "pretrain"});
}

TEST_CASE("import keeps the good rows and counts the rest", "[bad_data]") {
  TemporaryFolder folder;
  const std::string db = folder / "ledger.db";
  const std::string file = tiny().file(
      "mixed.jsonl", good_line("reward") + "\n{\n" + R"({"prompt": "a", "chosen": "b", "rejected": "b"})" +
                         "\n{\"prompt\": \"a\", \"chosen\": \"\xff\", \"rejected\": \"b\"}\n" +
                         R"({"prompt": "b", "chosen": "c", "rejected": "d"})"
                         "\n");
  const RunResult result =
      run_well({"data", "import", "--db", db, "--rejected", folder / "rejected.jsonl", file});
  const json counts = parse_lines(result.out).at(0);
  CHECK(counts["imported"] == 2);
  CHECK(counts["rejected"] == 3);
  for (const char* place : {":2: ", ":3: ", ":4: "}) CHECK_THAT(result.err, contains(file + place));
  CHECK(parse_lines(read_file(folder / "rejected.jsonl")).size() == 3);

  const RunResult none =
      run({"data", "import", "--db", folder / "other.db", tiny().file("all_bad.jsonl", "{\n{\n")});
  CHECK(none.exit_code == kExitUserError);
  CHECK(parse_lines(none.out).at(0)["rejected"] == 2);
  CHECK_THAT(none.err, contains("no record could be imported"));
}

TEST_CASE("figures about labels of nobody and nowhere are refused", "[bad_data]") {
  TemporaryFolder folder;
  const Flags db = {"--db", folder / "ledger.db"};
  run_well(Flags{"data", "import"} + db + Flags{tiny().rankings});
  check_refused(Flags{"data", "quality"} + db + Flags{"--campaign", "round 1"}, {"no campaign \"round 1\""});
  check_refused(Flags{"data", "quality"} + db + Flags{"--annotator", "ann"}, {"no annotator \"ann\""});
  check_refused({"data", "quality", "--db", folder / "other.db"}, {"other.db", "does not exist"});
  check_refused(Flags{"data", "gold"} + db + Flags{"--campaign", "round 1", tiny().rankings},
                {"no campaign"});
  CHECK_THAT(run_well(Flags{"data", "quality"} + db).err, contains("names its annotator"));
}

TEST_CASE("commands that answer line by line name the line that is wrong and write no answer", "[bad_data]") {
  struct Case {
    Flags command;
    std::string good, bad, reason;
  };
  const Flags generate = {"generate", "--model", tiny().policy, "--max_new_tokens", "4"};
  const std::vector<Case> cases = {
      {generate, R"({"prompt": "a"})", "{", "not a JSON object"},
      {generate, R"({"prompt": "a"})", R"({"text": "a"})", "\"prompt\""},
      {generate, R"({"prompt": "a"})", R"({"prompt": 3})", "\"prompt\""},
      {generate, R"({"prompt": "a"})", "{\"prompt\": \"\xff\"}", "UTF-8"},
      {{"logprobs", "--model", tiny().policy}, R"({"text": "a"})", R"({"token_ids": [1, "b"]})", "token_ids"},
      {{"logprobs", "--model", tiny().policy}, R"({"text": "a"})", R"({"token_ids": [1, -2]})", "-2"},
      {{"logprobs", "--model", tiny().policy}, R"({"text": "a"})", R"({"token_ids": [1, true]})", "true"},
      {{"logprobs", "--model", tiny().policy}, R"({"text": "a"})", R"({"token_ids": [1, 2.9]})", "2.9"},
      {{"score", "--model", tiny().reward_model},
       R"({"prompt": "a", "response": "b"})",
       R"({"prompt": "a"})",
       "\"response\""}};
  for (const Case& c : cases) {
    INFO(c.command.front() << " with " << c.bad);
    TemporaryFolder folder;
    const std::string input = tiny().file("lines.jsonl", c.good + "\n" + c.bad + "\n"),
                      output = folder / "out.jsonl";
    check_refused(c.command + Flags{"--input", input, "--output", output}, {input + ":2", c.reason});
    CHECK(!fs::exists(output));
  }
  check_refused({"tokenizer", "encode", "--model", tiny().tokenizer}, {"line 2", "UTF-8"}, kExitUserError,
                {.input = "a\n\xff\n"});
  check_refused({"tokenizer", "decode", "--model", tiny().tokenizer}, {"line 1"}, kExitUserError,
                {.input = "[1, 300]\n"});
}

}  // namespace rlhf::test
