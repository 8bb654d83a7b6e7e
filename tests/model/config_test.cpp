#include <random>

#include "contract/error.h"
#include "model/families.h"
#include "model/model_config.h"
#include "model/rope.h"
#include "tests/model/fixtures.h"

namespace rlhf {
namespace {

using nlohmann::ordered_json;

ordered_json llama() {
  return ordered_json::parse(R"({"model_type": "llama", "vocab_size": 100, "hidden_size": 32,
    "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 128})");
}

ModelConfig parse(const ordered_json& json) {
  return ModelConfig::parse(json.dump(), "config.json");
}

}  // namespace

TEST_CASE("keys that Hugging Face leaves out take the family's defaults") {
  const ModelConfig config = parse(llama());
  CHECK(config.num_key_value_heads == 4);
  CHECK(config.head_dim == 8);
  CHECK(config.norm_eps == 1e-6);
  CHECK(config.rope.theta == 10000.0);
  CHECK(config.rope.rotary_dim == 8);
  CHECK_FALSE(config.tie_word_embeddings);
  CHECK(config.eos_token_ids.empty());
  ordered_json gpt2 = ordered_json::parse(
      R"({"model_type": "gpt2", "vocab_size": 9, "n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 4})");
  CHECK(parse(gpt2).intermediate_size == 32);
  CHECK(parse(gpt2).tie_word_embeddings);
}

TEST_CASE("both spellings of rope read alike and both are written") {
  ordered_json old = llama(), modern = llama();
  old["rope_theta"] = 500000.0;
  old["rope_scaling"] = ordered_json::parse(R"({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 32})");
  modern["rope_parameters"] = old["rope_scaling"];
  modern["rope_parameters"]["rope_theta"] = 500000.0;
  const Rope a = parse(old).rope, b = parse(modern).rope;
  CHECK(torch::equal(rope_frequencies(a), rope_frequencies(b)));
  CHECK(a.scaling == Rope::Scaling::kLlama3);

  const ordered_json written = ordered_json::parse(parse(old).to_json(false));
  CHECK(written["rope_scaling"] == old["rope_scaling"]);
  CHECK(written["rope_theta"] == 500000.0);
  CHECK(written["rope_parameters"] == modern["rope_parameters"]);

  old["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};  // the name before transformers 4.43
  CHECK(parse(old).rope.scaling == Rope::Scaling::kLinear);
  CHECK(parse(old).rope.factor == 4.0);
}

TEST_CASE("a config comes back from its own JSON, unknown keys with it") {
  for (const bool classifiers : {false, true}) {
    for (const std::string& name : test::model_fixtures(classifiers)) {
      INFO(name);
      const std::string text = test::read_file(test::fixture("model/" + name) / "config.json");
      const ModelConfig config = ModelConfig::parse(text, name);
      const std::string written = config.to_json(classifiers);
      CHECK(ModelConfig::parse(written, name).to_json(classifiers) == written);
      // What was read is not changed, but for the spellings that are added.
      const auto before = nlohmann::json::parse(text), after = nlohmann::json::parse(written);
      for (const auto& [key, value] : before.items()) {
        if (key == "rope_scaling" || value.is_null()) continue;
        INFO(key);
        CHECK(after[key] == value);
      }
    }
  }
}

TEST_CASE("a scalar head is written as a sequence classifier with one label") {
  ordered_json source = llama();
  source["eos_token_id"] = {7, 8};
  const ordered_json json = ordered_json::parse(parse(source).to_json(true));
  CHECK(json["architectures"] == ordered_json({"LlamaForSequenceClassification"}));
  CHECK(json["id2label"].size() == 1);
  CHECK(json["pad_token_id"] == 7);
  const ordered_json causal = ordered_json::parse(ModelConfig::parse(json.dump(), "x").to_json(false));
  CHECK(causal["architectures"] == ordered_json({"LlamaForCausalLM"}));
  CHECK_FALSE(causal.contains("id2label"));
}

TEST_CASE("token ids outside the vocabulary, which old files use for none, are left out") {
  ordered_json json = llama();
  json["pad_token_id"] = -1;
  json["bos_token_id"] = 100;
  json["eos_token_id"] = {2, 100, 5};
  const ModelConfig config = parse(json);
  CHECK_FALSE(config.pad_token_id);
  CHECK_FALSE(config.bos_token_id);
  CHECK(config.eos_token_ids == std::vector<TokenId>{2, 5});
}

TEST_CASE("a config that cannot be used is refused with the file, the key and the value") {
  struct Case {
    std::string patch, message;  // a JSON merge patch on a good config: null removes a key
  };
  const std::vector<Case> cases = {
      {R"({"model_type": null})", "model_type"},
      {R"({"model_type": "mamba"})", "llama, qwen2, qwen3, gpt2, gpt_neox"},
      {R"({"hidden_size": null})", "\"hidden_size\" is missing"},
      {R"({"vocab_size": null})", "\"vocab_size\" is missing"},
      {R"({"num_hidden_layers": null})", "\"num_hidden_layers\" is missing"},
      {R"({"num_attention_heads": 5})", "hidden_size 32 does not divide by num_attention_heads 5"},
      {R"({"num_key_value_heads": 3})", "num_attention_heads 4 does not divide by num_key_value_heads 3"},
      {R"({"head_dim": 7})", "even"},
      {R"({"hidden_size": 0})", "\"hidden_size\" is 0"},
      {R"({"hidden_size": -32})", "-32"},
      {R"({"hidden_size": 32.0})", "32.0"},
      {R"({"hidden_size": "32"})", "\"32\""},
      {R"({"hidden_size": 18446744073709551615})", "18446744073709551615"},
      {R"({"vocab_size": 99999999999})", "99999999999"},
      {R"({"num_hidden_layers": 16000000})", "absurd"},
      {R"({"head_dim": 16000000})", "absurd"},
      {R"({"hidden_act": "relu6"})", "relu6"},
      {R"({"hidden_act": 3})", "a string is needed"},
      {R"({"rms_norm_eps": -1})", "epsilon"},
      {R"({"rms_norm_eps": "small"})", "rms_norm_eps"},
      {R"({"attention_bias": 1})", "attention_bias"},
      {R"({"rope_theta": 0})", "rope_theta"},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 2}})", "yarn"},
      {R"({"rope_parameters": {"rope_type": "dynamic", "factor": 2}})", "dynamic"},
      {R"({"rope_scaling": {"rope_type": "linear"}})", "factor"},
      {R"({"rope_scaling": {"rope_type": "linear", "factor": 0}})", "factor"},
      {R"({"rope_scaling": {"rope_type": "llama3", "factor": 8}})", "low_freq_factor"},
      {R"({"rope_scaling": 4})", "rope_scaling"},
      {R"({"rope_parameters": {"partial_rotary_factor": 0.5}})", "partial_rotary_factor"},
      {R"({"eos_token_id": "2"})", "eos_token_id"},
      {R"({"model_type": "qwen2", "use_sliding_window": true, "sliding_window": 16, "max_window_layers": 1})",
       "sliding"},
      {R"({"model_type": "qwen3", "layer_types": ["full_attention", "sliding_attention"]})", "sliding"},
      {R"({"model_type": "gpt_neox", "rotary_pct": 0.1})", "dimensions"},
      {R"({"model_type": "gpt_neox", "rotary_pct": 1.5})", "rotated part"},
      {R"({"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 3, "n_positions": 4})",
       "does not divide"},
      {R"({"model_type": "gpt2", "n_embd": 8, "n_layer": 1, "n_head": 2})", "n_positions"},
  };
  for (const Case& bad : cases) {
    INFO(bad.patch);
    ordered_json json = llama();
    json.merge_patch(ordered_json::parse(bad.patch));
    try {
      parse(json);
      FAIL("accepted, but expected: " << bad.message);
    } catch (const UserError& error) {
      CHECK_THAT(error.what(), test::contains("config.json"));
      CHECK_THAT(error.what(), test::contains(bad.message));
    }
  }
  CHECK_THROWS_AS(ModelConfig::parse("{", "config.json"), UserError);
  CHECK_THROWS_AS(ModelConfig::parse("[]", "config.json"), UserError);
  CHECK_THROWS_AS(ModelConfig::parse(R"({"model_type":"llama","model_type":"gpt2"})", "config.json"),
                  UserError);
}

TEST_CASE("mutated configs are read or refused, never worse") {
  std::mt19937 random(23);
  const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
  std::vector<std::string> good;
  for (const std::string& name : test::model_fixtures(false)) {
    good.push_back(test::read_file(test::fixture("model/" + name) / "config.json"));
  }
  int read = 0;
  for (int round = 0; round < 10000; ++round) {
    std::string text = good[below(good.size())];
    for (std::size_t i = 0; i <= below(4); ++i) {
      const std::size_t place = below(text.size());
      switch (below(3)) {
        case 0:
          text[place] = "0123456789-.eE[]{},:\" "[below(22)];
          break;
        case 1:
          text.erase(place, 1 + below(6));
          break;
        default:
          text.insert(place, 1 + below(20), static_cast<char>('0' + below(10)));
      }
      if (text.empty()) break;
    }
    try {
      ModelConfig::parse(text, "config.json").to_json(false);
      ++read;
    } catch (const UserError&) {
    }
  }
  CHECK(read > 100);
}

}  // namespace rlhf
