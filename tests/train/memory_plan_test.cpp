#include "train/memory_plan.h"

#include "tests/support/catch.h"
#include "tests/train/tiny_models.h"

namespace rlhf {
namespace {

constexpr int64_t kMasters = 4;  // bytes of a weight, of its gradient and of each of its moments

PlannedModel tiny(bool scalar_head = false) {
  return {"model", test::tiny_config(), {}, scalar_head};
}

}  // namespace

TEST_CASE("a plan counts master weights and moments by the model's real parameters") {
  for (const bool scalar : {false, true}) {
    int64_t weights = 0;
    const auto count = [&](const std::vector<NamedTensor>& parameters) {
      for (const NamedTensor& parameter : parameters) weights += parameter.tensor.numel();
    };
    scalar ? count(test::tiny_scalar_model(torch::kFloat32).parameters())
           : count(test::tiny_language_model(torch::kFloat32).parameters());
    CHECK(master_weight_bytes(tiny(scalar)) == kMasters * weights);
    CHECK(trained_model(tiny(scalar)).bytes() == 3 * kMasters * weights);
  }
}

TEST_CASE("a plan is what is held and the largest moment, not the sum of moments") {
  const MemoryPlan plan{{{"a", {{"x", 10}, {"y", 5}}}},
                        {{"first", {{"z", 7}}}, {"second", {{"z", 3}, {"w", 3}}}}};
  CHECK(plan.bytes() == 22);
}

TEST_CASE("the largest batch is that of the longest samples") {
  CHECK(most_tokens({3, 9, 4, 7}, 1) == 9);
  CHECK(most_tokens({3, 9, 4, 7}, 3) == 20);
  CHECK(most_tokens({3, 9, 4, 7}, 3, 2) == 25);  // two responses to the longest prompt
  CHECK(most_tokens({3, 9}, 5) == 33);           // a batch that spans epochs draws a sample again
  CHECK(most_tokens({}, 5) == 0);
}

TEST_CASE("the largest micro-batch that fits is chosen") {
  const auto plan_of = [](int64_t size) {
    return MemoryPlan{{{"held", {{"x", 100}}}}, {{"pass", {{"y", 10 * size}}}}};
  };
  CHECK(largest_micro_batch(8, 1000, plan_of) == 8);
  CHECK(largest_micro_batch(8, 180, plan_of) == 8);
  CHECK(largest_micro_batch(8, 179, plan_of) == 7);
  CHECK(largest_micro_batch(8, 110, plan_of) == 1);
  CHECK(largest_micro_batch(8, 109, plan_of) == 0);
}

TEST_CASE("the table names every part with its size") {
  const MemoryPlan plan{{{"model", {{"weights", 1'500'000'000}, {"optimizer", 20'000'000}}}},
                        {{"training", {{"activations", 99'600'000}}}}};
  CHECK(plan.table() == "  model: weights 1.50 GB, optimizer 20 MB\n  training: activations 100 MB\n");
}

}  // namespace rlhf
