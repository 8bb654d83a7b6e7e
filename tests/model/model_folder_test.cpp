#include "model/model_folder.h"

#include <functional>

#include "contract/error.h"
#include "contract/sha256.h"
#include "tests/model/fixtures.h"
#include "tests/model/tensor_memory.h"
#include "text/tokenizer.h"

namespace rlhf {
namespace {

std::map<std::string, torch::Tensor> tensors_of(const std::filesystem::path& folder) {
  std::map<std::string, torch::Tensor> all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const SafetensorsFile file = SafetensorsFile::open(entry.path());
    for (const std::string& name : file.names()) all[name] = file.tensor(name).clone();
  }
  return all;
}

void check_same_tensors(const std::filesystem::path& a, const std::filesystem::path& b) {
  const auto left = tensors_of(a), right = tensors_of(b);
  CHECK(left.size() == right.size());
  for (const auto& [name, tensor] : left) {
    INFO(name);
    REQUIRE(right.contains(name));
    CHECK(test::same_bits(tensor, right.at(name)));
  }
}

/// A copy of a fixture whose weights `change` may edit.
void write_changed(const std::string& name, const std::filesystem::path& folder,
                   const std::function<void(std::map<std::string, torch::Tensor>&)>& change) {
  auto tensors = tensors_of(test::fixture("model/" + name));
  change(tensors);
  std::vector<NamedTensor> list;
  for (const auto& [key, tensor] : tensors) list.push_back({key, tensor});
  std::filesystem::copy_file(test::fixture("model/" + name) / "config.json", folder / "config.json",
                             std::filesystem::copy_options::overwrite_existing);
  write_safetensors(folder / "model.safetensors", list);
}

LanguageModel load(const std::filesystem::path& folder) {
  return load_language_model(ModelFiles::in_folder(folder), torch::kFloat32, torch::kCPU, false);
}

std::string complaint(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("what is saved holds the very tensors that were loaded, whatever the family") {
  for (const std::string& name : test::model_fixtures(false)) {
    if (name.find("_old") != std::string::npos || name.find("_bare") != std::string::npos) continue;
    INFO(name);
    const test::TemporaryFolder folder;
    save_language_model(test::tiny_model(name), folder.path());
    check_same_tensors(test::fixture("model/" + name), folder.path());
    CHECK(std::filesystem::exists(folder / "generation_config.json"));
  }
}

TEST_CASE("a frozen model of the file's dtype computes with the file's own bytes") {
  const test::TemporaryFolder folder;
  save_language_model(test::tiny_model("llama_grouped_own_head_size"), folder.path());
  const auto allocated = [&](bool trainable) {
    const test::TensorMemory memory;
    const LanguageModel model =
        load_language_model(ModelFiles::in_folder(folder.path()), torch::kFloat32, torch::kCPU, trainable);
    return std::pair(memory.live_bytes(), static_cast<int64_t>(model.decoder().embedding().nbytes()));
  };
  const auto [own, embedding] = allocated(true);
  CHECK(allocated(false).first <= own - embedding);
}

TEST_CASE("a classifier is saved with its normaliser, which comes back") {
  for (const std::string& name : test::model_fixtures(true)) {
    INFO(name);
    const test::TemporaryFolder folder;
    const LoadedScalarModel loaded =
        load_scalar_model(test::model_fixture(name), torch::kFloat32, torch::kCPU, true);
    CHECK(loaded.normalizer.mean == 0);
    CHECK(loaded.normalizer.std == 1);
    save_scalar_model(loaded.model, {-1.25, 3.5}, folder.path());
    check_same_tensors(test::fixture("model/" + name), folder.path());
    const LoadedScalarModel again =
        load_scalar_model(ModelFiles::in_folder(folder.path()), torch::kFloat32, torch::kCPU, false);
    CHECK(again.normalizer.mean == -1.25);
    CHECK(again.normalizer.std == 3.5);
  }
}

TEST_CASE("weights above the limit are sharded, and shards load as one") {
  const test::TemporaryFolder folder;
  SaveOptions options;
  options.max_shard_bytes = 4096;
  const LanguageModel model = test::tiny_model("llama_grouped_own_head_size");
  save_language_model(model, folder.path(), options);
  CHECK_FALSE(std::filesystem::exists(folder / "model.safetensors"));
  const auto index = nlohmann::json::parse(test::read_file(folder / "model.safetensors.index.json"));
  CHECK(index["metadata"]["total_size"] == model.decoder().config().parameter_count() * 4);
  check_same_tensors(test::fixture("model/llama_grouped_own_head_size"), folder.path());
  const LanguageModel again = load(folder.path());
  CHECK(
      test::same_bits(again.decoder().layers()[1].mlp_in_weight, model.decoder().layers()[1].mlp_in_weight));

  const auto broken_index = [&](const std::string& key, const nlohmann::json& value) {
    nlohmann::json changed = index;
    if (value.is_null())
      changed["weight_map"].erase(key);
    else
      changed["weight_map"][key] = value;
    test::write_file(folder / "model.safetensors.index.json", changed.dump());
    return complaint([&] { load(folder.path()); });
  };
  CHECK_THAT(broken_index("model.norm.weight", "absent.safetensors"), test::contains("absent.safetensors"));
  CHECK_THAT(broken_index("model.norm.weight", "../model.safetensors"), test::contains("beside the index"));
  CHECK_THAT(broken_index("model.norm.weight", 3), test::contains("model.norm.weight"));
  CHECK_THAT(broken_index("model.norm.weight", nullptr), test::contains("the index lists"));
  CHECK_THAT(broken_index("other", index["weight_map"]["model.norm.weight"]),
             test::contains("tensor other is not in"));
}

TEST_CASE("weights are saved and loaded in bfloat16") {
  const test::TemporaryFolder folder;
  SaveOptions options;
  options.dtype = torch::kBFloat16;
  const LanguageModel model = test::tiny_model("qwen3");
  save_language_model(model, folder.path(), options);
  for (const auto& [name, tensor] : tensors_of(folder.path()))
    CHECK(tensor.scalar_type() == torch::kBFloat16);
  CHECK(nlohmann::json::parse(test::read_file(folder / "config.json"))["dtype"] == "bfloat16");
  const LanguageModel frozen =
      load_language_model(ModelFiles::in_folder(folder.path()), torch::kBFloat16, torch::kCPU, false);
  CHECK(frozen.decoder().layers()[0].qkv_weight.scalar_type() == torch::kBFloat16);
  CHECK(frozen.decoder().layers()[0].q_norm_weight.scalar_type() == torch::kFloat32);
  CHECK(frozen.decoder().compute_dtype() == torch::kBFloat16);
  const LanguageModel master =
      load_language_model(ModelFiles::in_folder(folder.path()), torch::kBFloat16, torch::kCPU, true);
  CHECK(master.decoder().layers()[0].qkv_weight.scalar_type() == torch::kFloat32);
  CHECK(master.decoder().compute_dtype() == torch::kBFloat16);
}

TEST_CASE("trainable weights lie in aligned memory of their own") {
  LanguageModel model = test::tiny_model("llama_tied");
  for (const NamedTensor& parameter : model.parameters()) {
    INFO(parameter.name);
    CHECK(reinterpret_cast<uintptr_t>(parameter.tensor.data_ptr()) % 64 == 0);
    CHECK(parameter.tensor.is_contiguous());
    CHECK(parameter.tensor.storage().nbytes() == parameter.tensor.nbytes());
  }
}

TEST_CASE("missing, extra and misshapen tensors are named") {
  const test::TemporaryFolder folder;
  using Tensors = std::map<std::string, torch::Tensor>;
  const auto after = [&](const std::string& name, const std::function<void(Tensors&)>& change) {
    write_changed(name, folder.path(), change);
    return complaint([&] { load(folder.path()); });
  };
  const std::string norm = "model.layers.1.input_layernorm.weight";
  CHECK_THAT(after("llama_tied", [&](Tensors& t) { t.erase(norm); }),
             test::contains("missing tensors: " + norm));
  CHECK_THAT(after("llama_tied",
                   [&](Tensors& t) { t["model.layers.0.self_attn.q_proj.bias"] = torch::zeros({16}); }),
             test::contains("model.layers.0.self_attn.q_proj.bias"));
  CHECK_THAT(after("llama_tied", [&](Tensors& t) { t[norm] = torch::zeros({17}); }), test::contains("[17]"));
  CHECK_THAT(after("llama_tied", [&](Tensors& t) { t[norm] = t[norm].to(torch::kInt32); }),
             test::contains("floats"));
  CHECK_THAT(after("llama_tied",
                   [&](Tensors& t) {
                     t["score.weight"] = torch::zeros({1, 16});
                   }),
             test::contains("a reward model"));
  CHECK_THAT(after("gpt_neox", [&](Tensors& t) { t.erase("embed_out.weight"); }),
             test::contains("embed_out.weight"));
  // A second copy of a tied head is what old files hold.
  CHECK(
      after("llama_tied", [](Tensors& t) { t["lm_head.weight"] = t["model.embed_tokens.weight"]; }).empty());
  // transformers 5 renames NeoX's head.
  CHECK(after("gpt_neox", [](Tensors& t) {
          t["lm_head.weight"] = t["embed_out.weight"];
          t.erase("embed_out.weight");
        }).empty());
  // A bare decoder, without its prefix and with a buffer.
  CHECK(after("llama_tied", [](Tensors& t) {
          Tensors bare;
          for (const auto& [key, tensor] : t) bare[key.substr(6)] = tensor;
          bare["layers.0.self_attn.rotary_emb.inv_freq"] = torch::zeros({2});
          t = bare;
        }).empty());
}

TEST_CASE("a causal model becomes a reward model with a fresh head, and a wrong head is refused") {
  const auto reward = [](const std::string& name, uint64_t seed) {
    return load_scalar_model(test::model_fixture(name), torch::kFloat32, torch::kCPU, true, seed);
  };
  for (const std::string name : {"llama_tied", "gpt_neox"}) {
    const LoadedScalarModel a = reward(name, 1), b = reward(name, 1), c = reward(name, 2);
    CHECK(a.fresh_head);
    CHECK(test::same_bits(a.model.score_weight(), b.model.score_weight()));
    CHECK_FALSE(test::same_bits(a.model.score_weight(), c.model.score_weight()));
  }
  const test::TemporaryFolder folder;
  write_changed("llama_tied_classifier", folder.path(), [](auto& t) {
    t["score.weight"] = torch::zeros({2, 16});
  });
  CHECK_THAT(complaint([&] {
               load_scalar_model(ModelFiles::in_folder(folder.path()), torch::kFloat32, torch::kCPU, false);
             }),
             test::contains("score.weight"));
}

TEST_CASE("a folder that is no model says what it lacks") {
  const test::TemporaryFolder folder;
  CHECK_THAT(complaint([&] { ModelFiles::in_folder(folder / "absent"); }), test::contains("absent"));
  CHECK_THAT(complaint([&] { load(folder.path()); }), test::contains("config.json"));
  std::filesystem::copy_file(test::fixture("model/qwen2/config.json"), folder / "config.json");
  CHECK_THAT(complaint([&] { load(folder.path()); }), test::contains("model.safetensors"));
  test::write_file(folder / "model.safetensors", "short");
  CHECK_THAT(complaint([&] { load(folder.path()); }), test::contains("too short"));
}

TEST_CASE("the ids that end a sequence are generation_config.json's where it has them") {
  const test::TemporaryFolder folder;
  std::filesystem::copy_file(test::fixture("model/qwen2/config.json"), folder / "config.json");
  CHECK(load_config(ModelFiles::in_folder(folder.path())).eos_token_ids == std::vector<TokenId>{2});
  test::write_file(folder / "generation_config.json", R"({"eos_token_id": [2, 9]})");
  CHECK(load_config(ModelFiles::in_folder(folder.path())).eos_token_ids == std::vector<TokenId>{2, 9});
}

TEST_CASE("a model sent as bytes is the model, and its manifest tells the truth") {
  const LanguageModel model = test::tiny_model("qwen2");
  const Tokenizer tokenizer =
      Tokenizer::from_files({{"tokenizer.json", R"({"version":"1.0","added_tokens":[],"normalizer":null,
        "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},
        "post_processor":null,"decoder":{"type":"ByteLevel"},
        "model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]}})"}},
                            "tokenizer.json");
  const CheckpointBytes bytes = language_model_bytes(model, tokenizer);
  CHECK(bytes.manifest.tokenizer_hash == tokenizer.hash());
  CHECK(bytes.manifest.model_hash == model_hash(bytes.manifest.files));
  REQUIRE(bytes.find("tokenizer.json"));
  for (std::size_t i = 0; i < bytes.files.size(); ++i) {
    CHECK(bytes.files[i].name == bytes.manifest.files[i].name);
    CHECK(sha256_hex(*bytes.files[i].bytes) == bytes.manifest.files[i].sha256);
    CHECK(bytes.files[i].bytes->size() == bytes.manifest.files[i].size);
  }
  const ModelFiles files = ModelFiles::in_memory(bytes);
  const LanguageModel again = load_language_model(files, torch::kFloat32, torch::kCPU, false);
  CHECK(test::same_bits(again.decoder().embedding(), model.decoder().embedding()));

  const test::TemporaryFolder folder;
  for (const CheckpointFile& file : bytes.files) test::write_file(folder / file.name, *file.bytes);
  CHECK(ModelFiles::in_folder(folder.path()).manifest().model_hash == bytes.manifest.model_hash);
}

}  // namespace rlhf
