// Model folders that cannot be right: each is refused in words that name the file and what is wrong in it,
// and nothing is written.
#include <cstring>

#include "tests/end_to_end/refusal.h"
#include "tests/end_to_end/tiny_world.h"
#include "tests/support/catch.h"

namespace rlhf::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

/// A copy of a model without the manifest, whose hashes would speak first.
class ModelCopy {
 public:
  explicit ModelCopy(const std::string& model = tiny().policy) {
    fs::copy(model, folder_.path(), fs::copy_options::recursive);
    fs::remove(folder_ / "manifest.json");
  }
  std::string path() const { return folder_.path(); }
  std::string read(const std::string& file) const { return read_file(folder_ / file); }
  void write(const std::string& file, const std::string& bytes) const { write_file(folder_ / file, bytes); }
  void remove(const std::string& file) const { fs::remove(folder_ / file); }

  void patch_json(const std::string& file, const json& patch) const {
    json content = json::parse(read(file));
    content.merge_patch(patch);  // null takes a key away
    write(file, content.dump());
  }

 private:
  TemporaryFolder folder_;
};

struct Safetensors {
  ordered_json header;
  std::string data;
};

Safetensors parts_of(const std::string& bytes) {
  uint64_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  return {ordered_json::parse(bytes.substr(8, size)), bytes.substr(8 + size)};
}

std::string joined(const std::string& header, const std::string& data) {
  const uint64_t size = header.size();
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes + header + data;
}

void check_model_refused(const ModelCopy& model, const Words& words) {
  check_run_refused({"sft", "--model", model.path(), "--dataset", tiny().demonstrations}, words);
}

void check_weights_refused(const std::string& bytes, const Words& words) {
  ModelCopy model;
  model.write("model.safetensors", bytes);
  check_model_refused(model, words + Words{model.path() + "/model.safetensors"});
}

}  // namespace

TEST_CASE("broken safetensors are refused by file, tensor and byte", "[bad_models]") {
  const std::string good = ModelCopy().read("model.safetensors");
  const Safetensors parts = parts_of(good);
  const std::string first = parts.header.begin().key() == "__metadata__"
                                ? std::next(parts.header.begin()).key()
                                : parts.header.begin().key();
  const auto with = [&](const auto& change) {
    ordered_json header = parts.header;
    change(header);
    return joined(header.dump(), parts.data);
  };
  SECTION("truncated") {
    check_weights_refused(good.substr(0, good.size() - 12), {"lie outside the file's"});
  }
  SECTION("cut in the header") {
    check_weights_refused(good.substr(0, 40), {"the header claims"});
  }
  SECTION("empty") {
    check_weights_refused("", {"too short"});
  }
  SECTION("oversized") {
    check_weights_refused(good + "more", {"4 bytes follow the last tensor"});
  }
  SECTION("a header larger than any memory") {
    check_weights_refused(std::string(7, '\xff') + '\x7f' + good.substr(8), {"the header claims"});
  }
  SECTION("a header that is not JSON") {
    check_weights_refused(joined("{\"x\": ", ""), {"broken JSON"});
  }
  SECTION("overlapping") {
    check_weights_refused(with([&](ordered_json& header) {
                            const auto second = std::next(header.find(first));
                            auto& offsets = (*second)["data_offsets"];
                            offsets = {offsets[0].get<int64_t>() - 4, offsets[1].get<int64_t>() - 4};
                          }),
                          {"begins at byte"});
  }
  SECTION("one tensor twice") {
    std::string header = parts.header.dump();
    header.insert(1, "\"" + first + "\":" + parts.header[first].dump() + ",");
    check_weights_refused(joined(header, parts.data), {first, "is given twice"});
  }
  SECTION("an unknown type") {
    check_weights_refused(with([&](ordered_json& header) { header[first]["dtype"] = "F12"; }),
                          {first, "F12", "is unknown"});
  }
  SECTION("a shape of more bytes than memory has addresses") {
    check_weights_refused(with([&](ordered_json& header) {
                            header[first]["shape"] = {1LL << 40, 1LL << 40};
                          }),
                          {first, "overflows"});
  }
  SECTION("a shape that its bytes do not fill") {
    check_weights_refused(with([&](ordered_json& header) { header[first]["shape"] = {3}; }),
                          {first, "does not fill"});
  }
  SECTION("a missing tensor") {
    std::string header = parts.header.dump();
    header.replace(header.find(first), first.size(), "model.nothing.weight");
    check_weights_refused(joined(header, parts.data), {first});
  }
}

TEST_CASE("a config.json that no model can have is refused by key and value", "[bad_models]") {
  const std::vector<std::pair<json, Words>> bad = {
      {{{"hidden_size", nullptr}}, {"the key \"hidden_size\" is missing"}},
      {{{"num_attention_heads", 3}, {"head_dim", nullptr}}, {"hidden_size 16", "3"}},
      {{{"num_key_value_heads", 3}, {"num_attention_heads", 2}}, {"num_attention_heads 2", "3"}},
      {{{"model_type", "mamba"}}, {"model_type \"mamba\" is not supported", "llama"}},
      {{{"hidden_size", -16}}, {"\"hidden_size\" is -16"}},
      {{{"vocab_size", 1e18}}, {"\"vocab_size\" is"}},
      {{{"hidden_size", "16"}}, {"\"hidden_size\" is \"16\""}},
      {{{"rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 10000.0}, {"factor", 2.0}}}},
       {"rope type \"yarn\" is not supported"}},
      {{{"hidden_act", "swish2"}}, {"hidden_act", "swish2"}}};
  for (const auto& [patch, words] : bad) {
    INFO(patch.dump());
    ModelCopy model;
    model.patch_json("config.json", patch);
    check_model_refused(model, words + Words{model.path() + "/config.json"});
  }
  ModelCopy broken;
  broken.write("config.json", R"({"model_type": "llama",)");
  check_model_refused(broken, {broken.path() + "/config.json", "JSON"});
  ModelCopy without;
  without.remove("config.json");
  check_model_refused(without, {without.path() + "/config.json", "no such file"});
  check_run_refused(
      {"pretrain", "--model_config", tiny().file("bad_config.json", R"({"model_type": "llama"})"),
       "--tokenizer", tiny().tokenizer, "--dataset", tiny().texts},
      {"bad_config.json", "is missing"});
}

TEST_CASE("weights of another size than config.json says are refused", "[bad_models]") {
  ModelCopy model;
  model.patch_json("config.json", {{"hidden_size", 32}, {"head_dim", 16}});
  check_model_refused(model, {"32", "16"});
}

TEST_CASE("tokenizers of a kind that is not done are refused by name", "[bad_models]") {
  const std::vector<std::pair<json, Words>> bad = {
      {{{"model", {{"type", "Unigram"}, {"vocab", json::array()}}}}, {"Unigram"}},
      {{{"model", {{"type", "WordPiece"}}}}, {"WordPiece"}},
      {{{"pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}}}}, {"Metaspace"}}};
  for (const auto& [patch, words] : bad) {
    INFO(patch.dump());
    ModelCopy model;
    model.patch_json("tokenizer.json", patch);
    const std::string file = model.path() + "/tokenizer.json";
    check_model_refused(model, words + Words{file});
    check_refused({"tokenizer", "encode", "--model", model.path()}, words + Words{file}, kExitUserError,
                  {.input = "text\n"});
  }
  ModelCopy broken;
  broken.write("tokenizer.json", "{");
  check_model_refused(broken, {broken.path() + "/tokenizer.json", "JSON"});
  ModelCopy without;
  without.remove("tokenizer.json");
  check_model_refused(without, {without.path() + "/tokenizer.json", "no such file"});
}

TEST_CASE("a model that is not there, or not of the kind asked for, is refused", "[bad_models]") {
  check_run_refused({"sft", "--model", "/nowhere/model", "--dataset", tiny().demonstrations},
                    {"/nowhere/model"});
  check_run_refused(train_on_tiny("ppo") + Flags{"--reward_model", tiny().policy},
                    {"--reward_model", "not a reward model"});
  check_refused({"score", "--model", tiny().policy}, {"score.weight"}, kExitUserError,
                {.input = R"({"prompt": "a", "response": "b"})"});
}

TEST_CASE("a file that is not the one its manifest lists is refused", "[bad_models]") {
  TemporaryFolder folder;
  const fs::path model = folder / "model";
  fs::copy(tiny().policy, model, fs::copy_options::recursive);
  std::string bytes = read_file(model / "model.safetensors");
  bytes[bytes.size() - 3] = static_cast<char>(bytes[bytes.size() - 3] ^ 4);
  write_file(model / "model.safetensors", bytes);
  check_run_refused({"sft", "--model", model, "--dataset", tiny().demonstrations},
                    {(model / "model.safetensors").string()});
}

TEST_CASE("models of one run that do not share a tokenizer are refused", "[bad_models]") {
  ModelCopy other(tiny().reward_model);
  json content = json::parse(other.read("tokenizer.json"));
  content["normalizer"] = {{"type", "NFC"}};
  other.write("tokenizer.json", content.dump());
  check_run_refused(train_on_tiny("ppo") + Flags{"--reward_model", other.path()},
                    {"the tokenizers of --model", "--reward_model", "differ"});
  check_run_refused(
      {"reward", "--model", tiny().policy, "--policy", other.path(), "--dataset", tiny().rankings},
      {"the tokenizers of --policy", "differ"});
  check_refused({"logprobs", "--model", tiny().policy}, {"300"}, kExitUserError,
                {.input = R"({"token_ids": [5, 300]})"});
}

}  // namespace rlhf::test
