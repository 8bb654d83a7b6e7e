#include "cli/memory_limit.h"

#include <fstream>

#include "contract/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "train/trainer_state.h"

namespace rlhf {
namespace {

MemoryRequest request(const std::string& limit) {
  return {limit, "samples", 8, {}, [](int64_t size) {
            return MemoryPlan{{{"model", {{"weights", 100'000'000}}}},
                              {{"training", {{"x", size * 10'000'000}}}}};
          }};
}

int64_t chosen(const MemoryRequest& request) {
  const std::unique_ptr<Collective> alone = Collective::single();
  return MemoryFit(request, torch::kCPU, *alone).micro_batch_size();
}

}  // namespace

TEST_CASE("sizes of memory are read with their units") {
  CHECK(parse_memory_size("6000000000") == 6'000'000'000);
  CHECK(parse_memory_size("6GB") == 6'000'000'000);
  CHECK(parse_memory_size("1.5 GiB") == 1'610'612'736);
  CHECK(parse_memory_size("200MB") == 200'000'000);
  for (const std::string text : {"", "GB", "6 apples", "-1GB", "0", "nan", "6GB more", "1e30TB"})
    CHECK_THROWS_WITH(parse_memory_size(text), test::contains("--memory_limit"));
}

TEST_CASE("micro-batches are made as small as the limit asks for") {
  CHECK(chosen(request("none")) == 8);
  CHECK(chosen(request("180MB")) == 8);
  CHECK(chosen(request("145MB")) == 4);
  CHECK(chosen(request("110MB")) == 1);
}

TEST_CASE("a run that does not fit is refused with what helps") {
  CHECK_THROWS_AS(chosen(request("109MB")), UserError);
  for (const std::string part :
       {"110 MB", "--gradient_checkpointing", "--memory_limit none", "--dtype bfloat16"})
    CHECK_THROWS_WITH(chosen(request("109MB")), test::contains(part));
}

TEST_CASE("a run that is gone on with keeps its micro-batches, or is refused") {
  const test::TemporaryFolder folder;
  TrainerState state;
  state.micro_batch_size = 3;
  test::write_file(folder / "trainer_state.json", state.to_json());
  MemoryRequest resumed = request("none");
  resumed.resume_from = folder.path();
  CHECK(chosen(resumed) == 3);
  resumed.limit = "180MB";
  CHECK(chosen(resumed) == 3);
  resumed.limit = "120MB";
  CHECK_THROWS_WITH(chosen(resumed), test::contains("keeps its micro-batches"));
  state.micro_batch_size = 0;  // a checkpoint from before sizes were stored
  test::write_file(folder / "trainer_state.json", state.to_json());
  resumed.limit = "none";
  CHECK(chosen(resumed) == 8);
}

}  // namespace rlhf
