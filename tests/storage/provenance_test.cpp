#include "storage/provenance.h"

#include "contract/error.h"
#include "storage/checkpoint_directory.h"
#include "storage/run_folder.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

using namespace rlhf;

namespace {

ModelProvenance example() {
  RunData labels;
  labels.ledger = "/l/ledger.db";
  labels.selection.campaign = "round 1";
  labels.selection.through_tick = 9;
  labels.records = 5;
  labels.sha256 = "labels";
  RunData files;
  files.role = "eval";
  files.kind = RecordKind::kDemonstration;
  files.files = {{"/d/x.jsonl", "abc"}};
  return {"reward", "run", "/l/ledger.db", {{"initial", "hash", "/m/sft"}}, {labels, files}};
}

}  // namespace

TEST_CASE("provenance is written and read without loss") {
  const ModelProvenance said = provenance_from_json(provenance_to_json(example()), "test");
  CHECK(said.stage == "reward");
  CHECK(said.run_id == "run");
  CHECK(said.ledger == "/l/ledger.db");
  CHECK(said.models == example().models);
  REQUIRE(said.data.size() == 2);
  CHECK(said.data[0].selection.split == "train");
  CHECK(said.data[0].selection.campaign == "round 1");
  CHECK(said.data[0].selection.through_tick == 9);
  CHECK_FALSE(said.data[0].selection.through_row);
  CHECK(said.data[0].sha256 == "labels");
  CHECK(said.data[1].role == "eval");
  CHECK(said.data[1].kind == RecordKind::kDemonstration);
  CHECK(said.data[1].files == example().data[1].files);
}

TEST_CASE("what is no provenance is refused by name") {
  CHECK_THROWS_WITH(provenance_from_json("{", "x.json"), test::contains("x.json"));
  CHECK_THROWS_WITH(provenance_from_json(R"({"format_version": 2})", "x.json"),
                    test::contains("format_version 2"));
  CHECK_THROWS_AS(provenance_from_json(R"({"format_version": 1, "stage": 3})", "x.json"), UserError);
}

TEST_CASE("checkpoints carry their provenance, which is no part of the model hash") {
  test::TemporaryFolder root;
  const auto write_model = [](const std::filesystem::path& folder) {
    test::write_file(folder / "config.json", "{}");
  };
  CheckpointDirectory with(root / "with", {"reward", "", {}, provenance_to_json(example())});
  CheckpointDirectory without(root / "without", {"reward", "", {}});
  with.save(3, write_model);
  with.save_final(3, write_model);
  without.save_final(3, write_model);
  CHECK(read_provenance(with.checkpoint_path(3))->run_id == "run");
  CHECK(read_provenance(with.final_path())->data.size() == 2);
  CHECK_FALSE(read_provenance(without.final_path()));
  CHECK(verify(with.final_path()).model_hash == verify(without.final_path()).model_hash);
}

TEST_CASE("a run folder remembers what its run reads") {
  test::TemporaryFolder root;
  CHECK(data_of_run(root / "run").empty());
  const RunIdentity identity{"reward", "{}", {}, "data"};
  RunFolder(root / "run", identity).begin({}, example().data);
  RunFolder(root / "run", identity).begin({}, {});  // gone on with: what it began with stays
  const auto data = data_of_run(root / "run");
  REQUIRE(data.size() == 2);
  CHECK(data[0].selection.through_tick == 9);
}
