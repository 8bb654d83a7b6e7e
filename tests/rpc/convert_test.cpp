#include "rpc/convert.h"

#include <limits>

#include "contract/error.h"
#include "contract/sha256.h"
#include "tests/rpc/fakes.h"
#include "tests/support/catch.h"

namespace rlhf {
namespace {

v1::Manifest wire_manifest() {
  v1::Manifest wire;
  to_wire(test::make_policy(1).manifest, wire);
  return wire;
}

v1::RolloutUnit wire_unit() {
  v1::RolloutUnit wire;
  to_wire(test::make_units(1, 4, 2, test::make_policy(1))[0], wire);
  return wire;
}

/// The hash again after a change, so that only the change is at fault.
void rehash(v1::Manifest& wire) {
  std::vector<ManifestEntry> files;
  for (const v1::ManifestEntry& file : wire.files())
    files.push_back({file.name(), file.size(), file.sha256()});
  wire.set_model_hash(model_hash(files));
}

}  // namespace

TEST_CASE("A manifest survives the wire") {
  const CheckpointManifest before = test::make_policy(1).manifest;
  const CheckpointManifest after = from_wire(wire_manifest(), {});
  CHECK(after.files == before.files);
  CHECK(after.model_hash == before.model_hash);
  CHECK(after.tokenizer_hash == before.tokenizer_hash);
  CHECK(after.stage == before.stage);
  CHECK(after.step == before.step);
  CHECK(after.parents == before.parents);
}

TEST_CASE("A manifest that no honest peer sends is refused") {
  v1::Manifest wire = wire_manifest();
  TransferLimits limits;
  SECTION("no files") {
    wire.clear_files();
  }
  SECTION("a path") {
    wire.mutable_files(0)->set_name("../config.json");
  }
  SECTION("a separator of another system") {
    wire.mutable_files(0)->set_name("a\\b");
  }
  SECTION("a NUL") {
    wire.mutable_files(0)->set_name(std::string("a\0b", 3));
  }
  SECTION("hidden") {
    wire.mutable_files(0)->set_name(".config");
  }
  SECTION("the manifest itself") {
    wire.mutable_files(0)->set_name("manifest.json");
  }
  SECTION("no name") {
    wire.mutable_files(0)->set_name("");
  }
  SECTION("a name twice") {
    *wire.mutable_files(1) = wire.files(0);
  }
  SECTION("not sorted") {
    wire.mutable_files()->SwapElements(0, 1);
  }
  SECTION("upper-case hash") {
    wire.mutable_files(0)->set_sha256(std::string(64, 'A'));
  }
  SECTION("short hash") {
    wire.mutable_files(0)->set_sha256("abc");
  }
  SECTION("one file too large") {
    limits.file_bytes = 1000;
  }
  SECTION("too large together") {
    limits.total_bytes = 700'010;
  }
  SECTION("sizes that overflow") {
    for (v1::ManifestEntry& file : *wire.mutable_files())
      file.set_size(std::numeric_limits<uint64_t>::max() / 2);
    limits.file_bytes = limits.total_bytes = std::numeric_limits<uint64_t>::max() - 1;
  }
  SECTION("too many files") {
    limits.files = 2;
  }
  rehash(wire);
  CHECK_THROWS_AS(from_wire(wire, limits), UserError);
}

TEST_CASE("A model hash that does not follow from the files is refused") {
  v1::Manifest wire = wire_manifest();
  wire.set_model_hash(sha256_hex("another"));
  CHECK_THROWS_WITH(from_wire(wire, {}), test::contains("does not follow"));
}

TEST_CASE("Files wanted must exist and ascend") {
  v1::Wanted wire;
  wire.add_files(0);
  wire.add_files(2);
  CHECK(from_wire(wire, 3) == std::vector<std::size_t>{0, 2});
  CHECK_THROWS_AS(from_wire(wire, 2), UserError);
  wire.add_files(2);
  CHECK_THROWS_AS(from_wire(wire, 3), UserError);
}

TEST_CASE("A unit survives the wire") {
  RolloutUnit before = test::make_units(3, 4, 2, test::make_policy(1))[2];
  before.sampling = {0.7, 5, 0.9, 0.1, 1.2, 17};
  before.seed = std::numeric_limits<uint64_t>::max();
  before.generation_threads = 3;
  before.dtype = "bfloat16";
  before.reward_models.push_back({"reward-2", sha256_hex("another")});
  v1::RolloutUnit wire;
  to_wire(before, wire);
  const RolloutUnit after = from_wire(wire);
  CHECK(after.iteration == before.iteration);
  CHECK(after.unit_index == before.unit_index);
  CHECK(after.first_prompt_slot == before.first_prompt_slot);
  REQUIRE(after.prompts.size() == before.prompts.size());
  for (std::size_t i = 0; i < after.prompts.size(); ++i) {
    CHECK(after.prompts[i].index == before.prompts[i].index);
    CHECK(after.prompts[i].token_ids == before.prompts[i].token_ids);
  }
  CHECK(after.samples_per_prompt == before.samples_per_prompt);
  CHECK(after.sampling == before.sampling);
  CHECK(after.seed == before.seed);
  CHECK(after.generation_threads == before.generation_threads);
  CHECK(after.dtype == before.dtype);
  CHECK(after.policy_version == before.policy_version);
  CHECK(after.policy_hash == before.policy_hash);
  CHECK(after.reward_models == before.reward_models);
}

TEST_CASE("A unit that no learner means is refused") {
  v1::RolloutUnit wire = wire_unit();
  SECTION("no prompts") {
    wire.clear_prompts();
  }
  SECTION("an empty prompt") {
    wire.mutable_prompts(1)->clear_token_ids();
  }
  SECTION("a negative id") {
    wire.mutable_prompts(0)->set_token_ids(0, -1);
  }
  SECTION("a negative iteration") {
    wire.set_iteration(-1);
  }
  SECTION("a negative slot") {
    wire.set_first_prompt_slot(-1);
  }
  SECTION("no samples") {
    wire.set_samples_per_prompt(0);
  }
  SECTION("NaN temperature") {
    wire.mutable_sampling()->set_temperature(std::numeric_limits<double>::quiet_NaN());
  }
  SECTION("no sampling") {
    wire.clear_sampling();
  }
  SECTION("top_p above 1") {
    wire.mutable_sampling()->set_top_p(1.5);
  }
  SECTION("no new tokens") {
    wire.mutable_sampling()->set_max_new_tokens(0);
  }
  SECTION("no threads") {
    wire.set_generation_threads(0);
  }
  SECTION("absurd threads") {
    wire.set_generation_threads(1 << 30);
  }
  SECTION("no dtype") {
    wire.clear_dtype();
  }
  SECTION("no policy") {
    wire.set_policy_version(0);
  }
  SECTION("no policy hash") {
    wire.set_policy_hash("abc");
  }
  SECTION("a reward model without its hash") {
    wire.mutable_reward_models(0)->clear_hash();
  }
  SECTION("a reward model without its name") {
    wire.mutable_reward_models(0)->clear_name();
  }
  SECTION("absurdly many reward models") {
    for (int i = 0; i < 1000; ++i) *wire.add_reward_models() = wire.reward_models(0);
  }
  CHECK_THROWS_AS(from_wire(wire), UserError);
}

TEST_CASE("What a worker submits survives the wire") {
  const RolloutUnit unit = test::make_units(1, 4, 2, test::make_policy(1))[0];
  const std::vector<Trajectory> samples = test::expected({unit});
  v1::SubmitRequest wire;
  to_wire(unit, 9, samples, wire);
  const RolloutBroker::Submission after = from_wire(wire);
  CHECK(after.lease_id == 9);
  CHECK(after.iteration == 4);
  CHECK(after.policy_hash == unit.policy_hash);
  REQUIRE(after.samples.size() == 4);
  CHECK(after.samples[3].response_ids == samples[3].response_ids);
  CHECK(after.samples[3].logprobs == samples[3].logprobs);
  CHECK(after.samples[3].finish_reason == samples[3].finish_reason);
  CHECK(after.samples[3].raw_score == samples[3].raw_score);
  CHECK(after.samples[3].score == samples[3].score);
  CHECK(after.samples[3].score_spread == samples[3].score_spread);
}

TEST_CASE("A sample without a finish reason is refused") {
  const RolloutUnit unit = test::make_units(1, 4, 2, test::make_policy(1))[0];
  v1::SubmitRequest wire;
  to_wire(unit, 9, test::expected({unit}), wire);
  wire.mutable_samples(0)->set_finish_reason(v1::FINISH_REASON_UNSPECIFIED);
  CHECK_THROWS_AS(from_wire(wire), UserError);
  wire.mutable_samples(0)->set_finish_reason(static_cast<v1::FinishReason>(77));
  CHECK_THROWS_AS(from_wire(wire), UserError);
}

TEST_CASE("Scores must be as many as asked for, and finite") {
  v1::ScoreReply wire;
  to_wire({{1.5, 0.5, 0.25}, {-2, -3, 0}}, wire);
  const std::vector<Score> scores = from_wire(wire, 2);
  CHECK(scores[0].raw == 1.5);
  CHECK(scores[0].mean == 0.5);
  CHECK(scores[0].spread == 0.25);
  CHECK(scores[1].mean == -3);
  CHECK_THROWS_AS(from_wire(wire, 3), UserError);
  wire.mutable_scores(1)->set_mean(std::numeric_limits<double>::infinity());
  CHECK_THROWS_AS(from_wire(wire, 2), UserError);
}

}  // namespace rlhf
