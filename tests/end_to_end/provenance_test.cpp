// From a policy back to the labels that made it, over every stage: sample, rank, reward, PPO, explain, trace.
#include "tests/end_to_end/run_folder.h"
#include "tests/end_to_end/run_program.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json object_of(const Flags& command) {
  const auto lines = parse_lines(run_well(command).out);
  REQUIRE(lines.size() == 1);
  return lines[0];
}

/// The stages on one ledger, each a call of the program.
class Pipeline {
 public:
  Pipeline() {
    // Letters stand alone often in what a model of random weights says.
    std::string lines;
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      std::string ratings;
      for (int rater = 0; rater < 10; ++rater)
        ratings += (rater ? ", " : "") + std::to_string((letter * 7 + rater) % 9 - 4);
      lines += std::string(1, letter) + "\t0\t2\t[" + ratings + "]\n";
    }
    lexicon_ = tiny().file("lexicon.txt", lines);
  }

  json sample(const std::string& seed) const {
    return object_of(Flags{"data", "sample", "--model", tiny().policy, "--dataset", tiny().prompts, "--seed",
                           seed, "--limit", "40", "--max_new_tokens", "24", "--threads", "1", "--dtype",
                           "float32"} +
                     db());
  }
  json rank(const std::string& campaign) const {
    return object_of(Flags{"annotate", "--simulate", lexicon_, "--campaign", campaign} + db());
  }
  RunResult reward(const std::string& run = "reward", const Flags& more = {}) const {
    return run_well(train_flags("reward") + Flags{"--max_steps", "2", "--output_dir", folder / run} + db() +
                    more);
  }
  void ppo() const {
    run_well(Flags{"ppo", "--model", tiny().policy, "--reward_model", folder / "reward" / "final",
                   "--threads", "1", "--dtype", "float32", "--rollout_batch_size", "8", "--response_length",
                   "4", "--max_steps", "2", "--output_dir", folder / "ppo"} +
             db());
  }
  Flags db() const { return {"--db", ledger()}; }
  std::string ledger() const { return folder / "ledger.db"; }

  TemporaryFolder folder;

 private:
  std::string lexicon_;
};

const json& part_of(const json& explanation, const std::string& stage, const std::string& role) {
  for (const json& model : explanation["models"])
    if (model.value("stage", "") == stage)
      for (const json& part : model["data"])
        if (part["role"] == role) return part;
  FAIL("no " + role + " data of " + stage);
  return explanation;
}

}  // namespace

TEST_CASE("explain goes from a policy to the very labels, annotators and imports", "[provenance]") {
  const Pipeline pipeline;
  CHECK(pipeline.sample("1")["responses"].get<int>() > 100);
  const json ranked = pipeline.rank("round 1");
  CHECK(ranked["submitted"].get<int>() > 20);
  pipeline.reward();
  pipeline.ppo();
  const fs::path policy = pipeline.folder / "ppo" / "final";
  const json explained = object_of({"explain", policy});
  for (const json& model : explained["models"]) CHECK(model["checked"] == true);
  CHECK(explained["models"].back()["stage"] == "file");  // the configuration of the model made from nothing
  const json labels = part_of(explained, "reward", "train");
  CHECK(labels["checked"] == true);
  CHECK(labels["records"].get<int>() > 10);
  CHECK(labels["origins"].size() == 10);
  CHECK(labels["origins"][0]["annotator_kind"] == "simulated");
  CHECK(labels["origins"][0]["campaign"] == "round 1");
  CHECK(part_of(explained, "ppo", "train")["checked"] == true);
  const json trainer = parse_lines(run_well({"explain", policy, "--db", pipeline.ledger()}).out)[0];
  CHECK(trainer["models"].size() == explained["models"].size());

  const json trace = object_of(Flags{"data", "trace", "1"} + pipeline.db());
  CHECK(trace["tokens"].size() >= 1);
  CHECK(trace["tokens"][0]["text"].is_string());
  CHECK(trace["reward_models"][0]["data"][0]["sha256"] == labels["sha256"]);
  CHECK(trace["labels_of_prompt"].is_array());
}

TEST_CASE("a run that is gone on with keeps to the labels it began with", "[provenance]") {
  const Pipeline pipeline;
  pipeline.sample("1");
  pipeline.rank("round 1");
  pipeline.reward();
  const std::string before = final_weights(pipeline.folder / "reward");
  const json labels =
      part_of(object_of({"explain", pipeline.folder / "reward" / "final"}), "reward", "train");
  pipeline.sample("2");
  pipeline.rank("round 2");
  const RunResult again = pipeline.reward();
  CHECK_THAT(again.err, contains("has grown since the run"));
  CHECK_THAT(again.err, contains("This run is complete"));
  CHECK(final_weights(pipeline.folder / "reward") == before);
  const RunResult elsewhere =
      pipeline.reward("elsewhere", {"--resume_from_checkpoint", pipeline.folder / "reward" / "checkpoint-2"});
  CHECK_THAT(elsewhere.err, contains("has grown since the run"));
  CHECK(final_weights(pipeline.folder / "elsewhere") == before);
  CHECK(part_of(object_of({"explain", pipeline.folder / "reward" / "final"}), "reward", "train") == labels);
}

TEST_CASE("explain and trace say what is wrong with what they are given", "[provenance]") {
  TemporaryFolder folder;
  CHECK(run({"explain", folder / "none"}).exit_code == 2);
  CHECK(run({"explain", folder.path()}).exit_code == 2);
  CHECK(run({"data", "trace", "1", "--db", folder / "none.db"}).exit_code == 2);
}

}  // namespace rlhf::test
