#include "data/explain.h"

#include <nlohmann/json.hpp>

#include "contract/data_hash.h"
#include "contract/sha256.h"
#include "data/import.h"
#include "data/trace.h"
#include "storage/checkpoint_directory.h"
#include "storage/run_store.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;
namespace fs = std::filesystem;

namespace {

/// A ledger with labels of two people and three runs recorded in it: an SFT model from a file, a reward model
/// on the labels, a policy on prompts. Models are folders that hold a config.json.
class Chain {
 public:
  /// `reward_address`: where the reward model was handed on by a server.
  explicit Chain(const std::string& reward_address = {}) : reward_address_(reward_address) {
    test::write_file(folder / "labels.jsonl",
                     R"({"prompt": "p", "responses": ["a", "b"], "ranks": [1, 2], "annotator": "ann"})"
                     "\n"
                     R"({"prompt": "q", "responses": ["a", "b"], "ranks": [2, 1], "annotator": "bob"})"
                     "\n");
    import_data({ledger(), {(folder / "labels.jsonl").string()}, {}, {}, false, "test"});
    test::write_file(folder / "demonstrations.jsonl", "{}");
    Database database(ledger());
    RunData files;
    files.kind = RecordKind::kDemonstration;
    files.files = {
        {(folder / "demonstrations.jsonl").string(), sha256_file(folder / "demonstrations.jsonl")}};
    sft = train(database, "sft", {}, {files});
    RunData labels;
    labels.ledger = ledger().string();
    labels.selection.split = "all";
    labels.selection.through_tick = ledger_position(database).tick;
    const auto rankings = LedgerPreferences(database, labels.selection).rankings();
    labels.records = static_cast<int64_t>(rankings.size());
    labels.sha256 = data_hash(rankings);
    reward = train(database, "reward", {{"initial", sft, folder / "sft" / "final"}}, {labels});
    policy = train(database, "ppo",
                   {{"initial", sft, folder / "sft" / "final"}, {"reward", reward, place_of("reward")}}, {});
  }

  fs::path ledger() const { return folder / "ledger.db"; }

  std::vector<ExplainedModel> explain(const std::string& db) const {
    const fs::path path = folder / "ppo" / "final";
    return explain_model({policy, path.string(), read_provenance(path), db});
  }

  test::TemporaryFolder folder;
  std::string sft, reward, policy;

 private:
  std::string place_of(const std::string& stage) const {
    return stage == "reward" && !reward_address_.empty() ? reward_address_
                                                         : (folder / stage / "final").string();
  }

  /// What a training session leaves behind.
  std::string train(Database& database, const std::string& stage, const std::vector<SourceModel>& sources,
                    const std::vector<RunData>& data) {
    const std::string output = folder / stage;
    RunRecord record{"run-" + stage, stage, output, "{}", {}, "data", {}};
    for (const SourceModel& source : sources) record.models.push_back({source.role, source.model_hash});
    const int64_t run = open_run(database, record);
    for (const RunData& part : data) record_run_data(database, run, part);
    CheckpointDirectory checkpoints(
        output,
        {stage, "", {}, provenance_to_json({stage, "run-" + stage, ledger().string(), sources, data})});
    const auto write = [&](const fs::path& made) {
      test::write_file(made / "config.json", "{\"" + stage + "\": 1}");
    };
    checkpoints.save_final(1, write);
    const std::string hash = verify(checkpoints.final_path()).model_hash;
    finish_run(database, run, {hash, stage, stage, {}, {}, place_of(stage), record.models});
    if (stage == "ppo") {
      LedgerTrajectories sink(database, run);
      sink.set_prompts({{"p", {}}});
      TrajectoryRecord rollout;
      rollout.trajectory.prompt_ids = {1};
      rollout.trajectory.response_ids = {4, 5};
      rollout.trajectory.logprobs = {-1.0f, -2.0f};
      rollout.trajectory.score = 0.5;
      rollout.prompt_text = "<user>p</user>";
      rollout.response_text = "a";
      rollout.policy_logprobs = {-1.0f, -2.0f};
      rollout.reference_logprobs = {-1.5f, -2.0f};
      rollout.rewards = {-0.05f, 0.5f};
      rollout.values = rollout.advantages = {0.25f, 0.25f};
      sink.append(3, {rollout});
    }
    return hash;
  }

  std::string reward_address_;
};

}  // namespace

TEST_CASE("a model that a server handed on is found where its run left it") {
  const Chain chain("grpc://127.0.0.1:1/reward");
  const auto models = chain.explain(chain.ledger());
  REQUIRE(models.size() == 3);
  CHECK(models[2].path == (chain.folder / "reward" / "final").string());
  CHECK(models[2].checked);
}

TEST_CASE("a policy is explained back to the labels, whose hash is confirmed") {
  const Chain chain;
  for (const std::string& db : {std::string(), chain.ledger().string()}) {
    const auto models = chain.explain(db);
    REQUIRE(models.size() == 3);
    CHECK(models[0].model_hash == chain.policy);
    CHECK(models[0].run_id == "run-ppo");
    CHECK(models[1].model_hash == chain.sft);
    const ExplainedModel& reward = models[2];
    CHECK(reward.model_hash == chain.reward);
    CHECK(reward.ledger == chain.ledger().string());
    REQUIRE(reward.data.size() == 1);
    CHECK(reward.data[0].checked);
    REQUIRE(reward.data[0].origins.size() == 2);
    CHECK(reward.data[0].origins[0].annotator == "ann");
    CHECK(reward.data[0].origins[0].import_sha256 == sha256_file(chain.folder / "labels.jsonl"));
    for (const ExplainedModel& model : models) CHECK(model.checked);
    CHECK(models[1].data[0].checked);
  }
}

TEST_CASE("labels that came later do not disturb an explanation; ones that are gone are noticed") {
  const Chain chain;
  test::write_file(chain.folder / "more.jsonl", R"({"prompt": "z", "chosen": "a", "rejected": "b"})"
                                                "\n");
  import_data({chain.ledger(), {(chain.folder / "more.jsonl").string()}, {}, {}, false, "test"});
  CHECK(chain.explain("")[2].data[0].checked);

  fs::rename(chain.ledger(), chain.folder / "moved.db");
  const auto without = chain.explain("");  // by the checkpoints alone
  REQUIRE(without.size() == 3);
  CHECK(without[2].run_id == "run-reward");
  CHECK_FALSE(without[2].data[0].checked);
  CHECK_THAT(without[2].data[0].fault, test::contains("there is no ledger"));
  CHECK(chain.explain(chain.folder / "moved.db")[2].data[0].checked);

  test::write_file(chain.folder / "labels2.jsonl", R"({"prompt": "p", "chosen": "a", "rejected": "b"})"
                                                   "\n");
  import_data(
      {chain.folder / "other.db", {(chain.folder / "labels2.jsonl").string()}, {}, {}, false, "test"});
  const auto other = chain.explain(chain.folder / "other.db");
  CHECK_FALSE(other[2].data[0].checked);
}

TEST_CASE("changed model files and data files are noticed") {
  const Chain chain;
  test::write_file(chain.folder / "reward" / "final" / "config.json", "{\"reward\": 2}");
  test::write_file(chain.folder / "demonstrations.jsonl", "{ }");
  const auto models = chain.explain("");
  CHECK(models[0].checked);
  CHECK_FALSE(models[2].checked);
  CHECK_THAT(models[2].fault, test::contains("damaged"));
  CHECK_FALSE(models[1].data[0].checked);
  CHECK_THAT(models[1].data[0].fault, test::contains("has changed"));
}

TEST_CASE("an explanation is one JSON object, and reads well") {
  const Chain chain;
  const auto models = chain.explain("");
  const auto json = nlohmann::json::parse(explanation_json(models));
  REQUIRE(json["models"].size() == 3);
  CHECK(json["models"][0]["models"][1]["role"] == "reward");
  CHECK(json["models"][2]["data"][0]["origins"][1]["annotator"] == "bob");
  CHECK(json["models"][2]["data"][0]["checked"] == true);
  const std::string text = explanation_text(models);
  CHECK_THAT(text, test::contains("reward " + chain.reward));
  CHECK_THAT(text, test::contains("2 rankings, split all"));
  CHECK_THAT(text, test::contains("read again, the same"));
  CHECK_THAT(text, test::contains("by ann (human)"));
}

TEST_CASE("a rollout is traced to its tokens, its reward model and the labels of its prompt") {
  const Chain chain;
  Database database(chain.ledger());
  const TrajectoryTrace trace = trace_trajectory(database, 1);
  CHECK(trace.run.uid == "run-ppo");
  CHECK(trace.rollout.prompt_id.has_value());
  REQUIRE(trace.labels.size() == 1);
  CHECK(trace.labels[0].provenance.annotator == "ann");
  REQUIRE(trace.reward_models.size() == 1);
  CHECK(trace.reward_models[0].data[0].checked);
  const auto word = [](TokenId id) { return "w" + std::to_string(id); };
  const auto json = nlohmann::json::parse(trace_json(trace, word));
  REQUIRE(json["tokens"].size() == 2);
  CHECK(json["tokens"][0]["kl"] == 0.5);
  CHECK(json["tokens"][1]["text"] == "w5");
  CHECK(json["reward_models"][0]["model_hash"] == chain.reward);
  CHECK(json["labels_of_prompt"][0]["ranks"] == nlohmann::json({1, 2}));
  CHECK_THAT(trace_text(trace, word), test::contains("\"w4\""));
  CHECK_THROWS_WITH(trace_trajectory(database, 99), test::contains("no trajectory 99"));
}
