#include "contract/checkpoint.h"

#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("the model hash ignores order and optimizer state, and sees every model file") {
  const ManifestEntry weights{"model.safetensors", 10, std::string(64, 'a')};
  const ManifestEntry config{"config.json", 2, std::string(64, 'b')};
  const ManifestEntry optimizer{"optimizer.safetensors", 20, std::string(64, 'c')};
  const std::string hash = model_hash({weights, config});
  CHECK(model_hash({config, weights}) == hash);
  CHECK(model_hash({config, optimizer, weights}) == hash);
  CHECK(model_hash({weights}) != hash);
  CHECK(model_hash({{"model.safetensors", 10, std::string(64, 'd')}, config}) != hash);
}

TEST_CASE("shards count as weights, other safetensors do not") {
  CHECK(is_model_file("model-00001-of-00002.safetensors"));
  CHECK_FALSE(is_model_file("optimizer.safetensors"));
  CHECK_FALSE(is_model_file("trainer_state.json"));
}
