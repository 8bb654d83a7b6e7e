// What other programs rely on: JSON lines in the order of the input, and what a run leaves behind.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <set>

#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::vector<json> lines_of(const Flags& command, const std::string& input = "") {
  return parse_lines(run_well(command, {.input = input}).out);
}

std::string as_lines(const std::vector<json>& objects) {
  std::string text;
  for (const json& object : objects) text += object.dump() + "\n";
  return text;
}

const std::vector<json> kPrompts = {{{"prompt", "The film was"}, {"id", 7}},
                                    {{"prompt", "The plot and the"}}};

std::vector<json> generated(const Flags& flags) {
  return lines_of(Flags{"generate", "--model", tiny().policy, "--dtype", "float32", "--threads", "1"} + flags,
                  as_lines(kPrompts));
}

}  // namespace

TEST_CASE("tokenizer encode writes an array of ids a line, and decode is its inverse", "[contracts]") {
  TemporaryFolder alone;
  fs::copy(fs::path(tiny().tokenizer) / "tokenizer.json", alone.path());  // which suffices
  const std::string text = "The film was good.\n\n na\xc3\xafve \xf0\x9f\x8e\xac  <|endoftext|>\n";
  const Flags model = {"--model", alone.path()};
  for (const Flags& special : {Flags{}, Flags{"--no_special_tokens"}}) {
    const RunResult ids = run_well(Flags{"tokenizer", "encode"} + model + special, {.input = text});
    CHECK(parse_lines(ids.out).size() == 3);
    CHECK(run_well(Flags{"tokenizer", "decode"} + model + special, {.input = ids.out}).out == text);
  }
  const std::string jsonl = json("two\nlines").dump() + "\n\"one\"\n";
  const RunResult ids = run_well(Flags{"tokenizer", "encode", "--jsonl"} + model, {.input = jsonl});
  REQUIRE(parse_lines(ids.out).size() == 2);
  CHECK(parse_lines(run_well(Flags{"tokenizer", "decode", "--jsonl"} + model, {.input = ids.out}).out) ==
        parse_lines(jsonl));
}

TEST_CASE("logprobs takes texts or ids, and ids need no tokenizer", "[contracts]") {
  const auto of_text = lines_of({"logprobs", "--model", tiny().policy}, R"({"text": "The film was good."})"
                                                                        "\n");
  REQUIRE(of_text.size() == 1);
  const json ids = of_text[0]["token_ids"], logprobs = of_text[0]["logprobs"];
  REQUIRE(logprobs.size() == ids.size());
  REQUIRE(ids.size() > 4);
  CHECK(logprobs[0].is_null());
  for (size_t i = 1; i < logprobs.size(); ++i) CHECK(logprobs[i].get<double>() < 0);

  TemporaryFolder weights;
  for (const char* name : {"config.json", "model.safetensors"})
    fs::copy(fs::path(tiny().policy) / name, weights.path());
  const std::string input = weights / "ids.jsonl", output = weights / "out.jsonl";
  write_file(input, as_lines({{{"token_ids", ids}}}));
  run_well({"logprobs", "--model", weights.path(), "--input", input, "--output", output});
  CHECK(parse_lines(read_file(output)) == of_text);
}

TEST_CASE("generate writes its samples of a prompt one after another", "[contracts]") {
  const auto samples = generated({"--samples_per_prompt", "3", "--max_new_tokens", "5", "--seed", "1"});
  REQUIRE(samples.size() == 6);
  for (size_t i = 0; i < samples.size(); ++i) {
    const json& sample = samples[i];
    CHECK(sample["prompt"] == kPrompts[i / 3]["prompt"]);
    CHECK(sample.contains("id") == (i < 3));
    CHECK(sample["sample_index"] == i % 3);
    CHECK(sample["response"].is_string());
    CHECK(sample["logprobs"].size() == sample["response_token_ids"].size());
    const bool stopped = sample["finish_reason"] == "stop";
    CHECK((stopped || (sample["finish_reason"] == "length" && sample["response_token_ids"].size() == 5)));
  }
  CHECK(samples[0]["response_token_ids"] != samples[1]["response_token_ids"]);
  CHECK(samples == generated({"--samples-per-prompt", "3", "--max-new-tokens", "5", "--seed", "1"}));
  CHECK(samples != generated({"--samples_per_prompt", "3", "--max_new_tokens", "5", "--seed", "2"}));
}

TEST_CASE("generate is greedy at temperature 0, and its log-probabilities are those of logprobs",
          "[contracts]") {
  const auto greedy = generated({"--temperature", "0", "--samples_per_prompt", "2", "--max_new_tokens", "6"});
  REQUIRE(greedy.size() == 4);
  CHECK(greedy[0]["response_token_ids"] == greedy[1]["response_token_ids"]);
  CHECK(greedy[2]["response_token_ids"] ==
        generated({"--top_k", "1", "--seed", "9", "--max_new_tokens", "6"})[1]["response_token_ids"]);

  json whole = lines_of({"tokenizer", "encode", "--model", tiny().policy},
                        kPrompts[0]["prompt"].get<std::string>() + "\n")[0];
  const size_t prompt = whole.size();
  whole.insert(whole.end(), greedy[0]["response_token_ids"].begin(), greedy[0]["response_token_ids"].end());
  const json logprobs =
      lines_of({"logprobs", "--model", tiny().policy}, as_lines({{{"token_ids", whole}}}))[0]["logprobs"];
  for (size_t i = 0; i < greedy[0]["logprobs"].size(); ++i)
    CHECK(greedy[0]["logprobs"][i].get<double>() == Approx(logprobs[prompt + i].get<double>()).margin(1e-5));
}

TEST_CASE("messages go through the model's chat template", "[contracts]") {
  TemporaryFolder chatty;
  fs::copy(tiny().policy, chatty.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  fs::remove(chatty / "manifest.json");
  const fs::path config = chatty / "tokenizer_config.json";
  json settings = json::parse(read_file(config));
  settings["chat_template"] = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}. {% endfor %}";
  write_file(config, settings.dump());
  const Flags command = {"generate",         "--model", chatty.path(), "--temperature", "0",
                         "--max_new_tokens", "4",       "--dtype",     "float32"};
  const json turns = json::array({{{"role", "user"}, {"content", "The film"}}});
  const auto answers = lines_of(command, as_lines({{{"messages", turns}}, {{"prompt", "user: The film. "}}}));
  REQUIRE(answers.size() == 2);
  CHECK(answers[0]["messages"] == turns);
  CHECK(lines_of(command + Flags{"--chat"}, R"({"prompt": "The film"})"
                                            "\n")[0]["response"] == answers[0]["response"]);
}

TEST_CASE("score adds the raw score and the one normalised by what is stored with the model", "[contracts]") {
  const std::vector<json> input = {{{"prompt", "The film"}, {"response", " was good."}, {"id", "a"}},
                                   {{"prompt", "The film"}, {"response", " was bad."}}};
  const auto scores = lines_of({"score", "--model", tiny().reward_model}, as_lines(input));
  REQUIRE(scores.size() == 2);
  CHECK(scores[0]["id"] == "a");
  CHECK(scores[1]["response"] == " was bad.");
  const json config = json::parse(read_file(fs::path(tiny().reward_model) / "config.json"));
  const double mean = config.at("mean"), deviation = config.at("std");
  for (const json& score : scores)
    CHECK(score["score"].get<double>() ==
          Approx((score["raw_score"].get<double>() - mean) / deviation).margin(1e-6));
  CHECK(scores[0]["raw_score"] != scores[1]["raw_score"]);
}

TEST_CASE("evaluate reward counts the pairs that the scores order as people did", "[contracts]") {
  const auto result =
      lines_of({"evaluate", "reward", "--model", tiny().reward_model, "--input", tiny().rankings});
  REQUIRE(result.size() == 1);
  std::vector<json> responses;
  for (const json& pair : parse_lines(read_file(tiny().rankings)))
    for (const char* side : {"chosen", "rejected"})
      responses.push_back({{"prompt", pair["prompt"]}, {"response", pair[side]}});
  const auto scores = lines_of({"score", "--model", tiny().reward_model}, as_lines(responses));
  double right = 0;
  for (size_t i = 0; i < scores.size(); i += 2) {
    const double gap = scores[i]["raw_score"].get<double>() - scores[i + 1]["raw_score"].get<double>();
    right += gap > 0 ? 1 : gap == 0 ? 0.5 : 0;
  }
  CHECK(result[0]["pairs"] == 60);
  CHECK(result[0]["accuracy"].get<double>() == Approx(right / 60));
  CHECK(result[0]["accuracy_low"].get<double>() <= right / 60);
  CHECK(result[0]["accuracy_high"].get<double>() >= right / 60);
}

TEST_CASE("data import counts records, once each; export gives them back", "[contracts]") {
  TemporaryFolder folder;
  const Flags db = {"--db", folder / "ledger.db"};
  const json first = lines_of(Flags{"data", "import"} + db + Flags{tiny().rankings})[0];
  CHECK(first["format"] == "trl-preference");
  CHECK(first["imported"] == 60);
  CHECK(first["already_present"] == 0);
  CHECK(first["rejected"] == 0);
  const json again = lines_of(Flags{"data", "import"} + db + Flags{tiny().rankings})[0];
  CHECK(again["imported"] == 0);
  CHECK(again["already_present"] == 60);

  const auto exported = lines_of(Flags{"data", "export"} + db + Flags{"--format", "trl-preference"});
  std::multiset<std::string> in, out;
  for (const json& pair : parse_lines(read_file(tiny().rankings))) in.insert(pair.dump());
  for (const json& pair : exported)
    out.insert(
        json{{"prompt", pair["prompt"]}, {"chosen", pair["chosen"]}, {"rejected", pair["rejected"]}}.dump());
  CHECK(in == out);
  CHECK(lines_of(Flags{"data", "stats"} + db).size() == 1);
  CHECK(lines_of(Flags{"data", "quality"} + db).at(0)["rankings"] == 60);
  CHECK(lines_of(Flags{"evaluate", "reward", "--model", tiny().reward_model, "--split", "all"} +
                 db)[0]["pairs"] == 60);
}

TEST_CASE("print_config shows the settings in force and does nothing", "[contracts]") {
  TemporaryFolder folder;
  const std::string config =
      tiny().file("settings.toml", "kl_coef = 0.25\nreward_model = \"a,b\"\nseed = 3\n");
  for (const std::string& stage : trainers()) {
    Flags flags =
        train_on_tiny(stage) + Flags{"--output_dir", folder / "run", "--seed", "7", "--print_config"};
    if (stage == "ppo") {
      const auto reward = std::find(flags.begin(), flags.end(), "--reward_model");
      flags.erase(reward, reward + 2);
      flags = flags + Flags{"--config", config};
    }
    const std::string shown = run_well(flags).out;
    CHECK_THAT(shown, contains("seed = \"7\""));  // the command line wins
    CHECK_THAT(shown, contains("threads = \"1\""));
    if (stage == "ppo")
      CHECK_THAT(shown, contains("kl_coef = \"0.25\"") && contains("reward_model = \"a,b\""));
  }
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("every trainer leaves metrics, checkpoints and a final model", "[contracts]") {
  for (const std::string& stage : trainers()) {
    INFO(stage);
    TemporaryFolder folder;
    const fs::path run = folder / "run";
    const RunResult result = run_well(
        train_on_tiny(stage) + Flags{"--output-dir", run, "--max-steps", "4", "--logging-steps", "1",
                                     "--save-steps=2", "--per-device-train-batch-size", "3", "--seed", "5"});
    CHECK(result.out.empty());
    std::vector<int64_t> steps;
    for (const json& row : metric_rows(run)) steps.push_back(row["step"]);
    CHECK(steps == std::vector<int64_t>{1, 2, 3, 4});
    CHECK(checkpoint_steps(run) == std::vector<int64_t>{2, 4});
    for (const char* name : {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"})
      CHECK(fs::exists(run / "final" / name));
    CHECK(fs::exists(run / "run.json"));
    CHECK(run_well({"curves", run}).out.find(stage == "ppo" ? "objective/scores" : "loss") !=
          std::string::npos);
  }
}

TEST_CASE("a reward model is finished though the policy's samples have no end", "[contracts]") {
  TemporaryFolder folder;
  const RunResult result =
      run_well(train_on_tiny("reward") + Flags{"--policy", tiny().policy, "--response_length", "1",
                                               "--normalizer_samples", "2", "--max_steps", "1",
                                               "--output_dir", folder / "run"});
  CHECK_THAT(result.err, contains("the ranked responses stand in for them"));
  CHECK_THAT(result.err, contains("of 2 ranked responses"));
  CHECK(fs::exists(folder / "run" / "final"));
}

TEST_CASE("a served model is used by its address as a folder is", "[contracts]") {
  TemporaryFolder folder;
  Program server({"serve", "--listen", "127.0.0.1:0", "--store", folder / "store"});
  const std::string base = "grpc://" + server.listening();
  run_well(train_on_tiny("sft") +
           Flags{"--max_steps", "1", "--output_dir", folder / "run", "--publish", base + "/tiny"});
  const std::string input = R"({"text": "The film was good."})"
                            "\n";
  const auto local = lines_of({"logprobs", "--model", folder / "run" / "final"}, input);
  CHECK(lines_of({"logprobs", "--model", base + "/tiny"}, input) == local);
  CHECK(lines_of({"logprobs", "--model", base + "/tiny@1"}, input) == local);
  server.send(SIGTERM);
  CHECK(server.wait().exit_code == 0);
}

}  // namespace rlhf::test
