#pragma once
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "evaluate/command.h"
#include "model/model_folder.h"
#include "tests/support/temporary_folder.h"
#include "text/sequence_encoder.h"

namespace rlhf::test {

inline constexpr int64_t kContext = 48;

/// Keeps what is written to a stream for the rest of the scope.
struct Caught {
  explicit Caught(std::ostream& caught) : stream(caught), before(caught.rdbuf(text.rdbuf())) {}
  ~Caught() { stream.rdbuf(before); }
  Caught(const Caught&) = delete;
  Caught& operator=(const Caught&) = delete;

  std::ostringstream text;
  std::ostream& stream;
  std::streambuf* before;
};

/// Two language models and a reward model of one layer that share a tokenizer.
class Workplace {
 public:
  Workplace() {
    save_language_model(LanguageModel::initialise(config("first"), 7), folder / "first");
    save_language_model(LanguageModel::initialise(config("second"), 8), folder / "second");
    const auto judge = ScalarModel::with_fresh_head(Decoder::initialise(config("judge"), 9), 10);
    save_scalar_model(judge, {0.5, 2}, folder / "judge");
    std::string prompts;
    for (int i = 0; i < 12; ++i) prompts += R"({"prompt": "the film number )" + std::to_string(i) + "\"}\n";
    write_file(folder / "prompts.jsonl", prompts);
  }

  /// What `rlhf evaluate ARGUMENTS` prints; its words for people are kept in `words`.
  std::string run(const std::string& arguments) {
    CLI::App app;
    add_evaluate_command(app);
    const Caught out(std::cout), err(std::cerr);
    app.parse("evaluate " + arguments + " --threads 1");
    words = err.text.str();
    return out.text.str();
  }
  nlohmann::json evaluate(const std::string& arguments) { return nlohmann::json::parse(run(arguments)); }

  std::string at(const std::string& name) const { return (folder / name).string(); }
  LanguageModel model(const std::string& name) const {
    return load_language_model(ModelFiles::in_folder(folder / name), torch::kFloat32, torch::kCPU, false);
  }
  SequenceEncoder encoder() const { return SequenceEncoder(Tokenizer::load(folder / "first")); }

  TemporaryFolder folder;
  std::string words;

 private:
  ModelConfig config(const std::string& name) {
    std::filesystem::create_directory(folder / name);
    std::filesystem::copy(fixture("text/smollm.json"), folder / name / "tokenizer.json");
    write_file(folder / name / "tokenizer_config.json", R"({"eos_token": "<|endoftext|>"})");
    nlohmann::json json =
        nlohmann::json::parse(R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"],
      "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
      "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false,
      "initializer_range": 0.3, "eos_token_id": 0})");
    json["max_position_embeddings"] = kContext;
    json["vocab_size"] = Tokenizer::load(folder / name).vocab_size();
    return ModelConfig::parse(json.dump(), "test");
  }
};

}  // namespace rlhf::test
