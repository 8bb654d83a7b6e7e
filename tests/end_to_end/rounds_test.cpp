// Ensembles of reward models and the choice of tasks, through the program: sample, select, rank, PPO,
// explain.
#include <cmath>
#include <set>

#include <SQLiteCpp/SQLiteCpp.h>

#include "tests/end_to_end/ledger_rows.h"
#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Reward models of the tiny world that differ by their seed.
class Members {
 public:
  Members() {
    for (const char* seed : {"1", "2", "3"}) {
      folders.push_back(folder_ / seed / "final");
      run_well(train_on_tiny("reward") +
               Flags{"--seed", seed, "--max_steps", "4", "--output_dir", folder_ / seed});
    }
  }
  std::string all() const { return folders[0] + "," + folders[1] + "," + folders[2]; }

  std::vector<std::string> folders;

 private:
  TemporaryFolder folder_;
};

const Members& members() {
  static const Members made;
  return made;
}

json object_of(const Flags& command, RunOptions options = {}) {
  const auto lines = parse_lines(run_well(command, std::move(options)).out);
  REQUIRE(lines.size() == 1);
  return lines[0];
}

std::vector<double> scores_by(const std::string& models, const std::string& key) {
  std::string input;
  for (const char* response : {" good film", " bad plot", " slow and boring"})
    input += json{{"prompt", "The film"}, {"response", response}}.dump() + "\n";
  std::vector<double> scores;
  for (const json& line :
       parse_lines(run_well({"score", "--model", models, "--threads", "1"}, {.input = input}).out))
    scores.push_back(line[key]);
  return scores;
}

/// A ledger with what the tiny policy says to forty prompts.
class Sampled {
 public:
  Sampled() {
    run_well(Flags{"data", "sample", "--model", tiny().policy, "--dataset", tiny().prompts, "--limit", "40",
                   "--samples_per_prompt", "3", "--max_new_tokens", "8", "--threads", "1", "--dtype",
                   "float32"} +
             db());
  }
  Flags db() const { return {"--db", file()}; }
  std::string file() const { return folder_ / "ledger.db"; }

  json select(const std::string& strategy, const std::string& campaign, int count) const {
    return object_of(command(strategy, campaign, count));
  }
  Flags command(const std::string& strategy, const std::string& campaign, int count) const {
    Flags flags = Flags{"data", "select",  "--strategy",          strategy,    "--campaign", campaign, "--k",
                        "3",    "--count", std::to_string(count), "--threads", "1"} +
                  db();
    if (strategy == "disagreement" || strategy == "margin")
      flags = flags + Flags{"--reward_model", members().all()};
    return flags;
  }

  /// Prompts of the campaign's tasks, first to be handed out first, with reason and priority.
  struct Task {
    int64_t prompt;
    std::string reason;
    double priority;
    bool operator==(const Task&) const = default;
  };
  std::vector<Task> tasks(const std::string& campaign) const {
    SQLite::Database database(file(), SQLite::OPEN_READONLY);
    SQLite::Statement rows(
        database,
        "SELECT t.prompt_id, t.reason, t.priority FROM tasks t JOIN campaigns c ON c.id = t.campaign_id "
        "WHERE c.name = ? ORDER BY t.priority DESC, t.id");
    rows.bind(1, campaign);
    std::vector<Task> found;
    while (rows.executeStep())
      found.push_back(
          {rows.getColumn(0).getInt64(), rows.getColumn(1).getString(), rows.getColumn(2).getDouble()});
    return found;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("rlhf score gives an ensemble's mean and spread, by its members' own scores", "[rounds]") {
  std::vector<std::vector<double>> each;
  for (const std::string& folder : members().folders) each.push_back(scores_by(folder, "score"));
  const auto mean = scores_by(members().all(), "score"), spread = scores_by(members().all(), "score_spread");
  for (size_t i = 0; i < mean.size(); ++i) {
    const double expected = (each[0][i] + each[1][i] + each[2][i]) / 3;
    double squares = 0;
    for (const auto& member : each) squares += std::pow(member[i] - expected, 2);
    CHECK(mean[i] == Approx(expected).margin(1e-9));
    CHECK(spread[i] == Approx(std::sqrt(squares / 3)).margin(1e-9));
    CHECK(spread[i] > 1e-3);
  }
  const std::string input = R"({"prompt": "a", "response": "b"})";
  CHECK_FALSE(
      object_of({"score", "--model", members().folders[0]}, {.input = input}).contains("score_spread"));
}

TEST_CASE("PPO on an ensemble: the penalty enters the reward, and workers give the same bits", "[rounds]") {
  TemporaryFolder folder;
  const Flags ppo = train_on_tiny("ppo") + Flags{"--max_steps", "3", "--reward_spread_penalty", "0.5"};
  Flags ensemble = ppo;
  *(std::find(ensemble.begin(), ensemble.end(), "--reward_model") + 1) = members().all();
  run_well(ensemble + Flags{"--output_dir", folder / "local"});
  Program learner(ensemble + Flags{"--output_dir", folder / "remote", "--listen", "127.0.0.1:0"});
  Program worker({"rollout", "--learner", "grpc://" + learner.listening(), "--name", "w"});
  const RunResult ended = learner.wait();
  INFO(ended.err);
  REQUIRE(ended.exit_code == 0);
  CHECK(worker.wait().exit_code == 0);
  CHECK(final_weights(folder / "local") == final_weights(folder / "remote"));
  CHECK(timeless_metric_rows(folder / "local") == timeless_metric_rows(folder / "remote"));
  CHECK(trajectory_rows(folder / "local" / "ledger.db") == trajectory_rows(folder / "remote" / "ledger.db"));
  for (const json& row : metric_rows(folder / "local")) {
    REQUIRE(row["objective/score_spread"].get<double>() > 0);
    CHECK(row["objective/scores"].get<double>() == Approx(row["objective/model_scores"].get<double>() -
                                                          0.5 * row["objective/score_spread"].get<double>())
                                                       .margin(1e-5));
  }
  const json explained = object_of({"explain", folder / "local" / "final"});
  std::set<std::string> rewards;
  for (const json& source : explained["models"][0]["models"])
    if (source["role"] == "reward") rewards.insert(source["model_hash"]);
  CHECK(rewards.size() == 3);
  for (const json& model : explained["models"]) CHECK(model["checked"] == true);
  const json trace = object_of({"data", "trace", "1", "--db", folder / "local" / "ledger.db"});
  CHECK(trace["reward_models"].size() == 3);
}

TEST_CASE("one reward model, or a penalty of 0, is PPO as it was", "[rounds]") {
  TemporaryFolder folder;
  run_well(train_on_tiny("ppo") + Flags{"--max_steps", "1", "--output_dir", folder / "one"});
  CHECK_FALSE(metric_rows(folder / "one")[0].contains("objective/score_spread"));
  check_run_refused(train_on_tiny("ppo") + Flags{"--reward_spread_penalty", "1"},
                    {"--reward_spread_penalty", "ensemble"});
}

TEST_CASE("ensembles that cannot be are refused", "[rounds]") {
  const auto ppo_on = [](const std::string& models) {
    Flags flags = train_on_tiny("ppo");
    *(std::find(flags.begin(), flags.end(), "--reward_model") + 1) = models;
    return flags;
  };
  const std::string one = members().folders[0];
  check_run_refused(ppo_on(one + ",," + members().folders[1]), {"comma"});
  check_run_refused(ppo_on(one + "," + one), {"same model"});
  check_run_refused(ppo_on(one + "," + tiny().policy), {"--reward_model", "not a reward model"});
  check_run_refused(ppo_on(one + ",/nowhere/model"), {"/nowhere/model"});
  check_run_refused(ppo_on(members().all()) + Flags{"--reward_spread_penalty", "-1"},
                    {"--reward_spread_penalty"});
  TemporaryFolder folder;
  fs::copy(members().folders[1], folder / "other", fs::copy_options::recursive);
  json tokenizer = json::parse(read_file(folder / "other" / "tokenizer.json"));
  tokenizer["normalizer"] = {{"type", "NFC"}};
  write_file(folder / "other" / "tokenizer.json", tokenizer.dump());
  fs::remove(folder / "other" / "manifest.json");
  check_run_refused(ppo_on(one + "," + std::string(folder / "other")), {"the tokenizers of", "differ"});
  check_refused({"score", "--model", one + "," + std::string(folder / "other")},
                {"the tokenizers of", "differ"}, kExitUserError,
                {.input = R"({"prompt": "a", "response": "b"})"});
}

TEST_CASE("data select makes tasks with priority and reason, the same every time", "[rounds]") {
  const Sampled place, other;
  std::set<std::vector<int64_t>> choices;
  for (const std::string strategy : {"disagreement", "margin", "diversity", "random"}) {
    INFO(strategy);
    const json first = place.select(strategy, strategy, 5);
    CHECK(first["tasks_added"] == 5);
    CHECK(first["tasks"] == 5);
    CHECK(first["candidates"].get<int>() > 20);
    const auto tasks = place.tasks(strategy);
    REQUIRE(tasks.size() == 5);
    for (const auto& task : tasks) CHECK(task.reason == strategy);
    const json again = place.select(strategy, strategy, 5);
    CHECK(again["tasks_added"] == 0);
    CHECK(place.tasks(strategy) == tasks);
    other.select(strategy, strategy, 5);
    CHECK(other.tasks(strategy) == tasks);
    std::vector<int64_t> chosen;
    for (const auto& task : tasks) chosen.push_back(task.prompt);
    choices.insert(chosen);
  }
  CHECK(choices.size() == 4);
}

TEST_CASE("asking for more tasks adds those that asking at once would have given", "[rounds]") {
  const Sampled place, at_once;
  for (const std::string strategy : {"disagreement", "diversity", "random"}) {
    INFO(strategy);
    place.select(strategy, "c", 4);
    CHECK(place.select(strategy, "c", 9)["tasks_added"] == 5);
    CHECK(place.select(strategy, "c", 3)["tasks_added"] == 0);
    at_once.select(strategy, "c", 9);
    const auto ours = place.tasks("c"), theirs = at_once.tasks("c");
    REQUIRE(ours.size() == theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) {
      CHECK(ours[i].prompt == theirs[i].prompt);
      CHECK(ours[i].reason == theirs[i].reason);
      CHECK(ours[i].priority == Approx(theirs[i].priority).margin(1e-5));  // scored in other batches
    }
  }
  const json rest = place.select("random", "c", 1000);  // 27 of at most 40 are taken
  CHECK(rest["tasks"].get<int>() < 30);
  CHECK(rest["tasks_added"] == rest["candidates"]);
}

TEST_CASE("the first task handed out is the one the ensemble disagrees about most", "[rounds]") {
  const Sampled place;
  place.select("disagreement", "c", 4);
  const auto tasks = place.tasks("c");
  const json line = place.select("disagreement", "all of them", 1000);
  CHECK(line["priority_mean"].get<double>() == Approx(line["candidates_mean"].get<double>()));
  CHECK(tasks[0].priority > line["candidates_mean"].get<double>());
  CHECK(std::vector(tasks) == [&] {
    auto all = place.tasks("all of them");
    all.resize(4);
    return all;
  }());
}

TEST_CASE("annotators are given the chosen tasks and no others", "[rounds]") {
  const Sampled place;
  place.select("random", "c", 6);
  const std::string lexicon = tiny().file(
      "words.txt",
      "film\t1\t1\t[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\nbad\t-1\t1\t[-1, -1, -1, -1, -1, -1, -1, -1, -1, -1]\n");
  const json ranked = object_of(Flags{"annotate", "--simulate", lexicon, "--campaign", "c"} + place.db());
  CHECK(ranked["submitted"] == 6);
  CHECK(ranked["tasks"] == 6);
  CHECK(ranked["tasks_added"] == 0);
  const json everything =
      object_of(Flags{"annotate", "--simulate", lexicon, "--campaign", "d", "--k", "3"} + place.db());
  CHECK(everything["submitted"].get<int>() > 20);
}

TEST_CASE("a choice that cannot be made is refused and leaves nothing behind", "[rounds]") {
  const Sampled place;
  const auto refused = [&](Flags flags, const Words& words) { check_refused(flags, words); };
  Flags one_model = place.command("disagreement", "c", 5);
  one_model.back() = members().folders[0];
  refused(one_model, {"needs an ensemble"});
  Flags no_model = place.command("margin", "c", 5);
  no_model.resize(no_model.size() - 2);
  refused(no_model, {"--strategy margin", "--reward_model"});
  refused(place.command("random", "c", 5) + Flags{"--reward_model", members().all()}, {"--reward_model"});
  refused(place.command("best", "c", 5), {"--strategy best"});
  refused(place.command("random", "c", 0), {"--count"});
  refused(place.command("random", "c", 5) + Flags{"--model", "0123"}, {"0123"});
  Flags many = place.command("random", "c", 5);
  *(std::find(many.begin(), many.end(), "--k") + 1) = "9";
  refused(many, {"9 different responses", "--k"});
  Flags nowhere = place.command("random", "c", 5);
  *(std::find(nowhere.begin(), nowhere.end(), "--db") + 1) = "/nowhere/ledger.db";
  refused(nowhere, {"/nowhere/ledger.db"});
  SQLite::Database database(place.file(), SQLite::OPEN_READONLY);
  CHECK(database.execAndGet("SELECT COUNT(*) FROM campaigns").getInt() == 0);
}

}  // namespace rlhf::test
