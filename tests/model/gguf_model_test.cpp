#include "model/gguf_model.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "contract/error.h"
#include "model/gguf_config.h"
#include "model/gguf_tokenizer.h"
#include "model/safetensors.h"
#include "model/weights.h"
#include "tests/model/gguf_bytes.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace rlhf {
namespace {

using test::contains;

std::filesystem::path fixture(const std::string& name) {
  return test::fixture("model/gguf/" + name);
}

std::map<std::string, torch::Tensor> weights_of(const LanguageModel& model) {
  std::map<std::string, torch::Tensor> weights;
  for (const NamedTensor& weight : hugging_face_weights(model, torch::kFloat32))
    weights[weight.name] = weight.tensor;
  return weights;
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

/// A fixture's tokenizer without the added tokens whose flags a GGUF file has no place for.
Tokenizer tokenizer_in_style(const std::string& style) {
  const std::string name = "text/" + style + ".json";
  TokenizerDefinition definition = parse_tokenizer_json(test::read_file(test::fixture(name)), name);
  std::erase_if(definition.added_tokens,
                [](const AddedToken& token) { return token.single_word || token.lstrip || token.rstrip; });
  TokenId next = static_cast<TokenId>(definition.vocab.size());
  for (AddedToken& token : definition.added_tokens)
    if (token.id >= next) token.id = next++;
  return Tokenizer::from_json(to_tokenizer_json(definition), name);
}

/// A random model with as many ids as a tokenizer has, rounded up, so that some are unused.
LanguageModel random_model(const std::string& family, const Tokenizer& tokenizer,
                           const nlohmann::ordered_json& rope_scaling = nullptr) {
  nlohmann::ordered_json json = {{"model_type", family},
                                 {"vocab_size", tokenizer.vocab_size() + 5},
                                 {"hidden_size", 32},
                                 {"intermediate_size", 48},
                                 {"num_hidden_layers", 2},
                                 {"num_attention_heads", 4},
                                 {"num_key_value_heads", 2},
                                 {"head_dim", 16},
                                 {"max_position_embeddings", 128},
                                 {"rms_norm_eps", 1e-5},
                                 {"rope_theta", 10000.0},
                                 {"tie_word_embeddings", family != "qwen3"}};
  if (family == "llama") {
    json["attention_bias"] = true;
    json["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 32.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  }
  if (!rope_scaling.is_null()) json["rope_scaling"] = rope_scaling;
  const ModelConfig config = ModelConfig::parse(json.dump(), "config.json");
  torch::Tensor head;
  if (!config.tie_word_embeddings)
    head = torch::empty({config.vocab_size, config.hidden_size}).uniform_(-1, 1);
  Decoder decoder = Decoder::initialise(config, 3);
  for (const NamedTensor& weight : decoder.parameters()) weight.tensor.detach().uniform_(-1, 1);
  return LanguageModel(std::move(decoder), head);
}

}  // namespace

TEST_CASE("weights of a GGUF file are those that transformers finds in it") {
  for (const std::string name : {"llama", "qwen2", "qwen3"}) {
    INFO(name);
    const auto weights = weights_of(load_gguf(GgufFile::open(fixture(name + ".gguf"))).model);
    const SafetensorsFile expected = SafetensorsFile::open(fixture(name + ".safetensors"));
    REQUIRE(expected.names().size() >= 10);
    for (const std::string& tensor : expected.names()) {
      INFO(tensor);
      REQUIRE(weights.contains(tensor));
      CHECK(largest_difference(weights.at(tensor), expected.tensor(tensor)) < 1e-7);
    }
  }
}

TEST_CASE("the config of a GGUF file says what its metadata says") {
  const GgufModel qwen3 = load_gguf(GgufFile::open(fixture("qwen3.gguf")));
  const ModelConfig& config = qwen3.model.decoder().config();
  CHECK(config.model_type == "qwen3");
  CHECK(config.head_dim == 16);
  CHECK(config.num_key_value_heads == 2);
  CHECK(config.norm_eps == 1e-6);  // not 9.999999974752427e-07
  CHECK(config.rope.theta == 50000.0);
  CHECK(config.vocab_size == 268);
  CHECK_FALSE(config.tie_word_embeddings);
  CHECK(config.bos_token_id == 1);
  CHECK(config.eos_token_ids == std::vector<TokenId>{2, 0});
  CHECK(load_gguf(GgufFile::open(fixture("llama.gguf"))).model.decoder().config().tie_word_embeddings);
}

TEST_CASE("the tokenizer of a GGUF file cuts and names tokens as its metadata says") {
  const auto files = gguf_tokenizer_files(GgufFile::open(fixture("llama.gguf")));
  const Tokenizer tokenizer = Tokenizer::from_files(files, "x.gguf");
  const auto tokens = [&](const std::string& text) {
    std::string names;
    for (const TokenId id : tokenizer.encode(text))
      names += "[" + std::string(tokenizer.id_to_token(id)) + "]";
    return names;
  };
  CHECK(tokens("hello w12<|im_end|><tool>") == "[hello][Ġw][1][2][<|im_end|>][<tool>]");
  CHECK(tokenizer.bos_id() == 1);
  CHECK(tokenizer.eos_id() == 2);
  CHECK(tokenizer.pad_id() == 2);
  CHECK(tokenizer.is_special(2));
  CHECK_FALSE(tokenizer.is_special(265));  // <tool> is the user's
  CHECK(tokenizer.id_to_token(266).empty());
  CHECK(tokenizer.chat_template().value().starts_with("{% for m in messages %}"));
}

TEST_CASE("a model written as GGUF comes back bit for bit in F32, and close in other types") {
  const std::pair<const char*, const char*> models[] = {
      {"llama", "smollm"}, {"qwen2", "qwen2"}, {"qwen3", "gpt2"}};
  const test::TemporaryFolder folder;
  for (const auto& [family, style] : models) {
    const Tokenizer tokenizer = tokenizer_in_style(style);
    const LanguageModel model = random_model(family, tokenizer);
    const auto before = weights_of(model);
    for (const auto& [type, tolerance] :
         {std::pair(GgufTensorType::kF32, 0.0), std::pair(GgufTensorType::kF16, 2.5e-4),
          std::pair(GgufTensorType::kBF16, 2e-3), std::pair(GgufTensorType::kQ8_0, 4.5e-3)}) {
      INFO(family << " type " << static_cast<int>(type));
      save_gguf(folder / "m.gguf", model, tokenizer, type);
      const GgufModel back = load_gguf(GgufFile::open(folder / "m.gguf"));
      const auto after = weights_of(back.model);
      REQUIRE(after.size() == before.size());
      for (const auto& [name, tensor] : before) {
        INFO(name);
        CHECK(largest_difference(tensor, after.at(name)) <= tolerance);
      }
      CHECK(Tokenizer::from_files(back.tokenizer_files, "m.gguf").hash() == tokenizer.hash());
      CHECK(back.model.decoder().config().rope.scaling == model.decoder().config().rope.scaling);
    }
  }
}

TEST_CASE("a rope scaling without a type is linear, as llama.cpp reads it") {
  const Tokenizer tokenizer = tokenizer_in_style("qwen2");
  const test::TemporaryFolder folder;
  save_gguf(folder / "m.gguf", random_model("qwen2", tokenizer, {{"rope_type", "linear"}, {"factor", 4.0}}),
            tokenizer, GgufTensorType::kF32);
  std::string bytes = test::read_file(folder / "m.gguf");
  const std::string type = "qwen2.rope.scaling.type";
  bytes.replace(bytes.find(type), type.size(), "qwen2.rope.scaling.none");  // a key that nobody reads
  const GgufModel model =
      load_gguf(GgufFile::from_bytes(std::make_shared<const std::string>(bytes), "untyped.gguf"));
  CHECK(model.model.decoder().config().rope.scaling == Rope::Scaling::kLinear);
  CHECK(model.model.decoder().config().rope.factor == 4.0);
}

TEST_CASE("tokenizers of the four styles that llama.cpp has a name for come back with the same meaning") {
  for (const std::string style : {"gpt2", "smollm", "llama3", "qwen2"}) {
    INFO(style);
    const Tokenizer tokenizer = tokenizer_in_style(style);
    const test::TemporaryFolder folder;
    save_gguf(folder / "m.gguf", random_model("qwen3", tokenizer), tokenizer, GgufTensorType::kF32);
    const auto files = gguf_tokenizer_files(GgufFile::open(folder / "m.gguf"));
    CHECK(Tokenizer::from_files(files, "m.gguf").hash() == tokenizer.hash());
  }
  const Tokenizer neox = tokenizer_in_style("neox");  // GPT-2's words after NFC
  CHECK_THROWS_WITH(save_gguf("never", random_model("qwen3", neox), neox, GgufTensorType::kF32),
                    contains("gpt-2, smollm, llama-bpe, qwen2"));
}

TEST_CASE("what a GGUF file may hold and we do not do is refused by name") {
  using test::GgufBytes;
  const auto refusal = [](const std::string& architecture, const std::string& model, const std::string& pre) {
    const std::string whole = test::read_file(fixture("llama.gguf"));
    std::string bytes = whole;
    const auto replace = [&](const std::string& from, const std::string& to) {
      const auto with_length = [](const std::string& text) { return GgufBytes().text(text).bytes(); };
      bytes.replace(bytes.find(with_length(from)), with_length(from).size(), with_length(to));
    };
    if (architecture != "llama") replace("llama", architecture);
    if (model != "gpt2") replace("gpt2", model);
    if (pre != "smollm") replace("smollm", pre);
    try {
      load_gguf(GgufBytes().raw(bytes).open());
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("loaded");
  };
  CHECK(refusal("llama", "gpt2", "smollm") == "loaded");
  CHECK_THAT(refusal("gemma", "gpt2", "smollm"), contains("architecture \"gemma\" is not supported"));
  CHECK_THAT(refusal("llama", "bert", "smollm"), contains("kind \"bert\""));
  CHECK_THAT(refusal("llama", "gpt2", "tekken"), contains("pre-tokenizer \"tekken\" is not supported"));
}

TEST_CASE("families without a GGUF form are refused") {
  const Tokenizer tokenizer = tokenizer_in_style("gpt2");
  const ModelConfig config = ModelConfig::parse(
      R"({"model_type": "gpt2", "vocab_size": 600, "n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 8})",
      "c");
  CHECK_THROWS_WITH(
      save_gguf("never", LanguageModel(Decoder::initialise(config, 1)), tokenizer, GgufTensorType::kF32),
      contains("gpt2 cannot be written as GGUF"));
}

TEST_CASE("mutated GGUF files load or end in a user error") {
  uint64_t state = 7;
  const auto draw = [&](std::size_t limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>(state >> 33) % limit;
  };
  int loaded = 0, refused = 0;
  for (const std::string name : {"llama.gguf", "qwen2.gguf", "qwen3.gguf"}) {
    const std::string whole = test::read_file(fixture(name));
    for (int round = 0; round < 150; ++round) {
      std::string bytes = whole;
      const std::size_t reach = round % 3 == 0 ? bytes.size() : round % 3 == 1 ? 1000 : 9000;
      for (std::size_t edits = 1 + draw(4); edits > 0; --edits) {
        bytes[draw(std::min(reach, bytes.size()))] = static_cast<char>(draw(3) ? draw(256) : 0xff * draw(2));
      }
      try {
        const GgufModel model = load_gguf(test::GgufBytes().raw(bytes).open());
        Tokenizer::from_files(model.tokenizer_files, "x.gguf").encode("hello");
        ++loaded;
      } catch (const UserError&) {
        ++refused;
      }
    }
  }
  CHECK(loaded > 20);
  CHECK(refused > 100);
}

}  // namespace rlhf
